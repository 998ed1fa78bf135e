// Whether a run that is asked for now would begin, and be worth something: each point with a word, and what stands in the way.
import type { DemoConfig, RunList } from '../shared/api';
import { number } from '../shared/format';

export type Point = { name: string; says: string; state: 'ok' | 'warning' | 'blocks' };

/** A runner asks once a second; one that has been silent for so long is away. */
const AWAY_MS = 5_000;
/** Besides its fans' connections a runner has files of its own. */
const FILES_SPARE = 200;
/** Up to so many fans have a connection each; more share. */
const OWN_CONNECTIONS = 10_000;
const SHARED_CONNECTIONS = 8_000;
const IDLE_LEAST = 0.3;

export type Ready = { ready: boolean; phase: string | undefined };

export function preflight(
  server: Ready | undefined,
  list: RunList | undefined,
  config: DemoConfig,
  fans: number,
): Point[] {
  return [serverPoint(server), runnerPoint(list), ...machinePoints(list, fans), queuePoint(list, config)];
}

function serverPoint(server: Ready | undefined): Point {
  if (!server) return { name: 'Server', says: 'being asked', state: 'warning' };
  return server.ready
    ? { name: 'Server', says: 'ready', state: 'ok' }
    : { name: 'Server', says: 'not ready: it starts, or is being stopped', state: 'blocks' };
}

function runnerPoint(list: RunList | undefined): Point {
  const runner = list?.runner;
  if (!list) return { name: 'Runner', says: 'being asked', state: 'warning' };
  if (!runner) return { name: 'Runner', says: 'none has been heard of: a run would wait for one', state: 'warning' };
  const ago = Math.round(runner.heard_ms_ago / 1_000);
  return runner.heard_ms_ago > AWAY_MS
    ? { name: 'Runner', says: `not heard of for ${ago} s: a run would wait for it`, state: 'warning' }
    : { name: 'Runner', says: `${runner.name}, heard ${ago === 0 ? 'just now' : `${ago} s ago`}`, state: 'ok' };
}

function machinePoints(list: RunList | undefined, fans: number): Point[] {
  const runner = list?.runner;
  if (!runner) return [];
  const points: Point[] = [];
  if (runner.open_files) {
    const needed = (fans > OWN_CONNECTIONS ? SHARED_CONNECTIONS : fans) + FILES_SPARE;
    const enough = runner.open_files >= needed;
    const says = `${number(runner.open_files)}, about ${number(needed)} are needed`;
    points.push({ name: 'Open files', says, state: enough ? 'ok' : 'warning' });
  }
  if (runner.cpu_idle !== null && runner.cpu_idle !== undefined) {
    const says = `${number(runner.cpu_idle * 100)} % idle${runner.cores ? ` of ${runner.cores} cores` : ''}`;
    // While a run is under way the machine is meant to be busy.
    const low = runner.cpu_idle < IDLE_LEAST && list.running.length === 0;
    points.push({ name: 'CPU', says: low ? `${says}: times may be unfair` : says, state: low ? 'warning' : 'ok' });
  }
  return points;
}

function queuePoint(list: RunList | undefined, config: DemoConfig): Point {
  if (!list) return { name: 'Queue', says: 'being asked', state: 'warning' };
  const [running, waiting] = [list.running.length, list.waiting];
  const most = config.max_concurrent + config.max_queue;
  if (running + waiting >= most) {
    return { name: 'Queue', says: `full: ${running} under way, ${waiting} waiting`, state: 'blocks' };
  }
  if (running + waiting === 0) return { name: 'Queue', says: 'empty: it begins at once', state: 'ok' };
  const before = running < config.max_concurrent ? waiting : waiting + 1;
  return { name: 'Queue', says: `${before} before it: it waits its turn`, state: 'ok' };
}

/** Why Start is off, in words; nothing where it is on. */
export function reason(points: Point[], wrongFields: string[]): string | undefined {
  const [field] = wrongFields;
  if (field) return `${field} needs another value.`;
  const blocked = points.find((point) => point.state === 'blocks');
  return blocked ? `${blocked.name}: ${blocked.says}.` : undefined;
}
