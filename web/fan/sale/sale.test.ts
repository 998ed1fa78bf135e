// Doors by the clock, what may be typed, and the sum that keeps bots out.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Answer, SaleFacts } from '../../shared/api';
import { countdown } from '../../shared/format';
import { failure, wrongFields } from './account';
import { phaseNow } from './phase';
import { proof } from './proof';
import { hex, sha256, solve } from './solve';

const sale = { phase: 'scheduled', opens_at: '2027-01-18T14:00:00Z', ends_at: '2027-01-19T14:00:00Z' } as SaleFacts;
const OPENS = Date.parse(sale.opens_at);
const ENDS = Date.parse(sale.ends_at);

test('the doors open by the clock, one millisecond and no more', () => {
  expect(phaseNow(sale, OPENS - 1)).toBe('scheduled');
  expect(phaseNow(sale, OPENS)).toBe('open');
  expect(phaseNow(sale, ENDS - 1)).toBe('open');
  expect(phaseNow(sale, ENDS)).toBe('ended');
});

test('what the server says about an open sale stays until its end', () => {
  for (const phase of ['paused', 'sold_out', 'building', 'open']) {
    expect(phaseNow({ ...sale, phase }, OPENS + 1)).toBe(phase);
    expect(phaseNow({ ...sale, phase }, ENDS)).toBe('ended');
  }
});

test('a countdown ends at nothing and not below', () => {
  expect(countdown(1)).toBe('0:01');
  expect(countdown(0)).toBe('0:00');
  expect(countdown(-5_000)).toBe('0:00');
  expect(countdown(3_600_000)).toBe('1:00:00');
});

test('hashes are those of SHA-256, at every length around a block', () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 200]) {
    const text = 'x'.repeat(length);
    expect(hex(sha256(text)), String(length)).toBe(createHash('sha256').update(text).digest('hex'));
  }
});

test('the number is found, and nothing where there is none', () => {
  const salt = 'a1b2c3?expires=1800000000&';
  const challenge = createHash('sha256').update(`${salt}1234`).digest('hex');
  expect(solve(challenge, salt, 2_000)).toBe(1_234);
  expect(solve(challenge, salt, 1_233)).toBeUndefined();
  const made = { algorithm: 'SHA-256', challenge, maxnumber: 2_000, salt, signature: 's' };
  expect(JSON.parse(atob(proof(made, 1_234)))).toEqual({
    algorithm: 'SHA-256',
    challenge,
    number: 1_234,
    salt,
    signature: 's',
  });
});

test('each way of signing in asks for what it needs', () => {
  const empty = { email: '', password: '', code: '' };
  expect(wrongFields('password', false, empty)).toEqual({ email: 'email_missing', password: 'password_missing' });
  expect(wrongFields('new', false, { ...empty, email: 'a@b', password: '1234567' })).toEqual({
    password: 'password_short',
  });
  expect(wrongFields('new', false, { ...empty, email: 'a@b', password: '12345678' })).toEqual({});
  expect(wrongFields('code', false, { ...empty, email: 'a@b' })).toEqual({});
  expect(wrongFields('code', true, { ...empty, code: '1234 567' })).toEqual({ code: 'code_missing' });
  expect(wrongFields('code', true, { ...empty, code: '1234 5678' })).toEqual({});
});

test('a refusal is said at the field that it is about', () => {
  const no = (code: string, field?: string) =>
    ({ ok: false, status: 422, problem: { code, message: 'said', ...(field ? { field } : {}) } }) as Answer<unknown>;
  expect(failure(no('email_taken'), 'form')).toEqual({ email: 'email_taken', said: 'said' });
  expect(failure(no('login_failed'), 'password')).toEqual({ password: 'login_failed', said: 'said' });
  expect(failure(no('invalid_field', 'email'), 'form')).toEqual({ email: 'invalid_email', said: 'said' });
  expect(failure(no('mail_off'), 'code')).toEqual({ form: 'mail_off', said: 'said' });
  expect(failure({ ok: false, unreachable: true }, 'form')).toEqual({ form: 'unreachable' });
});
