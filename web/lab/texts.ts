// What the Load Control Center says of scenarios, presets and states, in one place.

export type Scenario = { title: string; attacks: string; fans: string };

export const SCENARIOS: Record<string, Scenario> = {
  launch_spike: {
    title: 'Launch spike',
    attacks: 'The site falls over when the doors open.',
    fans: 'Four of five arrive within two seconds and buy to the last seat.',
  },
  refresh_storm: {
    title: 'Refresh storm',
    attacks: 'A refresh loses the place, or wins a better one.',
    fans: 'Everybody refreshes while waiting, with 5 to 20 tabs at once.',
  },
  queue_fairness: {
    title: 'Queue fairness',
    attacks: 'Somebody who came later gets in front.',
    fans: 'Waves, chains of fans who join one after another, slow and hasty clients.',
  },
  late_surge: {
    title: 'Late surge',
    attacks: 'A second wave pushes aside those who were there.',
    fans: 'One of four is early; three times as many arrive at 60 % of the run.',
  },
  bot_checkout: {
    title: 'Bot checkout',
    attacks: 'Scripts buy it out before people can.',
    fans: 'Four of five are scripts: ten holds at once, six checkouts of one hold, forged addresses.',
  },
  scalper_network: {
    title: 'Scalper network',
    attacks: 'Farms of accounts collect tickets and pass them on.',
    fans: 'Rings of eight accounts with one card and one network, beside people.',
  },
  backdoor_race: {
    title: 'Backdoor race',
    attacks: 'Direct calls go around the line.',
    fans: 'Attackers try forged, stolen, foreign and used admissions while honest fans buy.',
  },
  reconnect_churn: {
    title: 'Reconnect churn',
    attacks: 'A lost connection loses the place.',
    fans: 'Connections are cut before, during and after answers; people come back from elsewhere.',
  },
  second_sale_regression: {
    title: 'Second sale',
    attacks: 'A second show mixes up the order of the first.',
    fans: 'A second sale opens while the line of the first one waits.',
  },
  mixed_realistic: {
    title: 'Mixed, realistic',
    attacks: 'A normal big evening, with everything at once.',
    fans: 'People who think, give up or never show, beside scripts and bad connections.',
  },
};

export type Preset = { id: string; title: string; scenario: string; says: string };

/** Common rehearsals: a scenario, and the shape that the server names as usual. */
export const PRESETS: Preset[] = [
  { id: 'launch', title: 'T+0 launch', scenario: 'launch_spike', says: 'Doors open, everybody is there.' },
  { id: 'storm', title: 'Refresh storm', scenario: 'refresh_storm', says: 'Impatient people with many tabs.' },
  { id: 'fairness', title: 'Fairness audit', scenario: 'queue_fairness', says: 'Who came first is first.' },
  { id: 'bots', title: 'Bot checkout', scenario: 'bot_checkout', says: 'Scripts against people.' },
  { id: 'mixed', title: 'Mixed realistic', scenario: 'mixed_realistic', says: 'A normal big evening.' },
];

export const titleOf = (scenario: string): string => SCENARIOS[scenario]?.title ?? scenario;

export type Tone = 'pass' | 'fail' | 'warn' | 'accent' | 'plain';

const STATES: Record<string, { word: string; tone: Tone; says: string }> = {
  queued: { word: 'QUEUED', tone: 'plain', says: 'It waits for its turn.' },
  running: { word: 'RUNNING', tone: 'accent', says: 'It is under way.' },
  passed: { word: 'PASS', tone: 'pass', says: 'Every blocking check holds.' },
  failed: { word: 'FAIL', tone: 'fail', says: 'Something that must hold did not.' },
  invalid: { word: 'INVALID', tone: 'warn', says: 'The generator itself was in trouble: nothing can be said.' },
  aborted: { word: 'ABORTED', tone: 'warn', says: 'Somebody stopped it.' },
  error: { word: 'ERROR', tone: 'fail', says: 'There is no verdict.' },
};

export const stateOf = (status: string) =>
  STATES[status] ?? { word: status.toUpperCase(), tone: 'plain' as Tone, says: '' };

export const isOver = (status: string): boolean => status !== 'queued' && status !== 'running';

const VERDICTS: Record<string, { word: string; tone: Tone }> = {
  pass: { word: 'holds', tone: 'pass' },
  fail: { word: 'FAILS', tone: 'fail' },
  not_exercised: { word: 'not exercised', tone: 'plain' },
  no_data: { word: 'NO DATA', tone: 'warn' },
};

export const verdictOf = (verdict: string) => VERDICTS[verdict] ?? { word: verdict, tone: 'plain' as Tone };
