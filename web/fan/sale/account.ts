// Accounts: what may be typed, and what the server makes of it. Each failure names its field where it has one.
import { type Answer, api, ask, codeOf } from '../../shared/api';
import { proofFor } from './proof';

const PASSWORD_CHARS = { min: 8, max: 128 };
const CODE_DIGITS = 8;

export type Credentials = { email: string; password: string; code: string };

/** Codes of problems, by field; `form` is about all of it. `said` is the server's sentence. */
export type Failed = { email?: string; password?: string; code?: string; form?: string; said?: string };

export type Outcome = 'signed-in' | 'code-sent' | Failed;

/** What can be seen before anything is sent. */
export function wrongFields(way: 'password' | 'code' | 'new', codeSent: boolean, typed: Credentials): Failed {
  const failed: Failed = {};
  if (way === 'code' && codeSent) {
    const digits = typed.code.replace(/\s/g, '');
    return /^\d+$/.test(digits) && digits.length === CODE_DIGITS ? {} : { code: 'code_missing' };
  }
  if (!/^[^\s@]+@[^\s@]+$/.test(typed.email.trim())) failed.email = 'email_missing';
  if (way === 'password' && typed.password === '') failed.password = 'password_missing';
  const chars = [...typed.password].length;
  if (way === 'new' && (chars < PASSWORD_CHARS.min || chars > PASSWORD_CHARS.max)) failed.password = 'password_short';
  return failed;
}

export async function logIn({ email, password }: Credentials): Promise<Outcome> {
  return signedIn(await ask(api.POST('/v1/auth/login', { body: { email: email.trim(), password } })), 'password');
}

export async function register({ email, password }: Credentials): Promise<Outcome> {
  const body = { email: email.trim(), password };
  let answer = await ask(api.POST('/v1/auth/register', { body }));
  if (codeOf(answer)?.startsWith('proof_of_work_')) {
    const altcha = await proofFor(api.POST('/v1/auth/register/challenge', { body: { email: body.email } }));
    if (altcha) answer = await ask(api.POST('/v1/auth/register', { body: { ...body, altcha } }));
  }
  return signedIn(answer, 'form');
}

export async function sendCode(email: string): Promise<{ codeId: string } | Failed> {
  const answer = await ask(api.POST('/v1/auth/code', { body: { email: email.trim() } }));
  return answer.ok ? { codeId: answer.value.code_id } : failure(answer, 'form');
}

export async function verifyCode(code_id: string, code: string): Promise<Outcome> {
  return signedIn(await ask(api.POST('/v1/auth/code/verify', { body: { code_id, code } })), 'code');
}

const signedIn = (answer: Answer<unknown>, atLogin: 'password' | 'code' | 'form'): Outcome =>
  answer.ok ? 'signed-in' : failure(answer, atLogin);

/** Which field a refusal belongs to. A wrong password is said at the password, a wrong code at the code. */
export function failure(answer: Answer<unknown>, atLogin: 'password' | 'code' | 'form'): Failed {
  const code = codeOf(answer) ?? 'unreachable';
  if (answer.ok || 'unreachable' in answer) return { form: code };
  const said = answer.problem.message;
  if (code === 'login_failed') return { [atLogin]: code, said };
  if (code === 'email_taken') return { email: code, said };
  if (code === 'invalid_field') {
    if (answer.problem.field === 'email') return { email: 'invalid_email', said };
    if (answer.problem.field === 'password') return { password: 'password_short', said };
  }
  return { form: code, said };
}
