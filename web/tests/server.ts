// A server of one's own: the built binary on a free port, its data in a temporary folder, gone with its owner.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const BINARY = process.env['TRAFFIC_BIN'] ?? resolve(import.meta.dirname, '../../target/debug/traffic');
const READY_MS = 60_000;
// Above this the kernel hands out ports by itself, and one would be taken between the look and the use.
const PORTS = { from: 20_000, to: 32_000 };

export type Settings = Record<string, string>;

export type Terms = {
  name?: string;
  total_seats?: number;
  seating?: { section: string; rows: number; seats_per_row: number; price: number }[];
  admit_per_minute?: number;
  waiting_room_cap?: number;
  max_tickets_per_user?: number;
  hold_ttl_sec?: number;
  claim_window_sec?: number;
  shopping_window_sec?: number;
  price?: number;
  currency?: string;
  /** From now on; below zero the doors are open. */
  opens_in_sec?: number;
};

export class Server {
  private constructor(
    readonly url: string,
    readonly adminKey: string,
    private readonly process: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(settings: Settings = {}): Promise<Server> {
    const folder = mkdtempSync(join(tmpdir(), 'traffic-browser-'));
    const port = await freePort();
    const env = { PATH: process.env['PATH'] ?? '', LOADTEST_RUNNER: 'off', ...settings };
    const log = join(folder, 'server.log');
    const words = ['serve', '--dev', '--log', 'warn', '--http-addr', `127.0.0.1:${port}`];
    const child = spawn(
      'bash',
      ['-c', 'exec "$@" >"$0" 2>&1', log, BINARY, ...words, '--database-url', `sqlite://${folder}/traffic.db`],
      { env },
    );
    const server = new Server(`http://localhost:${port}`, 'dev-admin-key', child, folder);
    const deadline = Date.now() + READY_MS;
    while (!(await answers(`http://127.0.0.1:${port}/health/ready`))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        const said = readFileSync(log, 'utf8');
        await server.stop();
        throw new Error(`the server did not start (${BINARY}):\n${said}`);
      }
      await new Promise((wake) => setTimeout(wake, 100));
    }
    return server;
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGTERM');
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What an operator asks. */
  async admin<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.ask(method, path, { 'X-Admin-Key': this.adminKey }, body);
  }

  /** A sale with doors that are open unless told otherwise, and its event. */
  async newSale(terms: Terms = {}): Promise<string> {
    const { name = 'Coldstar, Night One', opens_in_sec = -5, ...rest } = terms;
    const at = (sec: number) => new Date(Date.now() + sec * 1_000).toISOString();
    const event = { name, venue: 'D Y Patil Stadium', starts_at: at(30 * 86_400) };
    const { event_id } = await this.admin<{ event_id: string }>('POST', '/v1/admin/events', event);
    const sale = { event_id, opens_at: at(opens_in_sec), ends_at: at(86_400), ...rest };
    return (await this.admin<{ sale_id: string }>('POST', '/v1/admin/sales', sale)).sale_id;
  }

  /** A new account that is nobody's in the browser. */
  async newFan(): Promise<{ email: string; password: string; token: string }> {
    const email = `fan-${Date.now()}-${Math.floor(Math.random() * 1e9)}@example.com`;
    const password = 'correct horse 9';
    const { token } = await this.ask<{ token: string }>('POST', '/v1/auth/register', {}, { email, password });
    return { email, password, token };
  }

  /** Accounts without a password, quickly. */
  async fans(count: number): Promise<string[]> {
    const made = await this.admin<{ accounts: { token: string }[] }>('POST', '/v1/admin/accounts/bulk', {
      count,
      prefix: `crowd${Date.now()}`,
    });
    return made.accounts.map((account) => account.token);
  }

  async join(sale: string, token: string): Promise<{ position: number }> {
    return this.ask('POST', `/v1/sales/${sale}/waiting-room/join`, { Authorization: `Bearer ${token}` });
  }

  async ask<T>(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<T> {
    const asked: RequestInit = { method, headers };
    if (body !== undefined) {
      asked.headers = { ...headers, 'Content-Type': 'application/json' };
      asked.body = JSON.stringify(body);
    }
    const response = await fetch(this.url + path, asked);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    (response) => response.ok,
    () => false,
  );

async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no port is free');
}
