// The journey of launch_spike for k6: join, wait as the server asks, look, hold, think, pay, with the same shares of fans who
// join again, poll from a second device, repeat their checkout and try what must be refused. Written apart from the lab, so that
// the two can be compared. scripts/crosscheck.sh runs it.
//   BASE_URL, ADMIN_KEY  the server, and the right to make a sale on it
//   ARRIVALS             JSON: fans in each second after the doors
//   SEATS, ADMIT_PER_MIN the sale
//   MAX_SEC              the run ends then at the latest
//   SUMMARY              file for the figures
import http from 'k6/http';
import exec from 'k6/execution';
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';

const BASE = __ENV.BASE_URL;
const ARRIVALS = JSON.parse(__ENV.ARRIVALS);
const FANS = ARRIVALS.reduce((sum, fans) => sum + fans, 0);
const CAP = 4;
const DOORS_IN_MS = 5000;
const OPS = ['join', 'status', 'seats', 'hold', 'checkout', 'transfer'];
const CLASSES = ['ok', 'expected', 'failed'];

const counts = {};
const times = {};
for (const op of OPS) {
    times[op] = new Trend(`${op}_ms`, true);
    for (const kind of CLASSES) counts[`${op}_${kind}`] = new Counter(`${op}_${kind}`);
}
const bought = new Counter('bought');

export const options = {
    scenarios: {
        fans: { executor: 'per-vu-iterations', vus: FANS, iterations: 1, maxDuration: `${__ENV.MAX_SEC}s`, gracefulStop: '0s' },
    },
    summaryTrendStats: ['count', 'med', 'p(95)', 'p(99)', 'max'],
    discardResponseBodies: false,
    noCookiesReset: true,
    userAgent: 'crosscheck',
};

function admin(path, body) {
    const answer = http.post(`${BASE}${path}`, JSON.stringify(body), {
        headers: { 'Content-Type': 'application/json', 'X-Admin-Key': __ENV.ADMIN_KEY },
        timeout: '60s',
    });
    if (answer.status !== 200 && answer.status !== 201) throw new Error(`${path} answers ${answer.status}: ${String(answer.body).slice(0, 300)}`);
    return answer.json();
}

export function setup() {
    const day = 24 * 3600 * 1000;
    const at = (ms) => new Date(ms).toISOString();
    const prefix = `crosscheck-${Date.now()}`;
    const accounts = admin('/v1/admin/accounts/bulk', { count: FANS, prefix }).accounts;
    const doors = Date.now() + DOORS_IN_MS;
    const event = admin('/v1/admin/events', { name: prefix, venue: 'Crosscheck', starts_at: at(doors + day) });
    const sale = admin('/v1/admin/sales', {
        event_id: event.event_id, opens_at: at(doors), ends_at: at(doors + day), total_seats: Number(__ENV.SEATS),
        admit_per_minute: Number(__ENV.ADMIT_PER_MIN), max_tickets_per_user: CAP, hold_ttl_sec: 30,
    });
    return { doors, sale: sale.sale_id, tokens: accounts.map((account) => account.token) };
}

// When fan number `fan` arrives: in the second that the plan has for it, anywhere within.
function arrival(fan) {
    let before = 0;
    for (let second = 0; second < ARRIVALS.length; second += 1) {
        before += ARRIVALS[second];
        if (fan < before) return (second + Math.random()) * 1000;
    }
    return ARRIVALS.length * 1000;
}

function sleepUntil(at) {
    const left = at - Date.now();
    if (left > 0) sleep(left / 1000);
}

// One request, counted by operation and class. `expects` is the code that must refuse it.
function call(op, method, path, auth, body, expects) {
    const headers = { Authorization: auth };
    if (body) headers['Content-Type'] = 'application/json';
    const answer = http.request(method, `${BASE}${path}`, body ? JSON.stringify(body) : null, { headers, timeout: '20s' });
    let fields = {};
    try { fields = answer.json() || {}; } catch (_) { /* no JSON is a failure, below */ }
    const ok = answer.status >= 200 && answer.status < 300;
    const refused = !ok && fields.code && (expects || []).includes(fields.code);
    counts[`${op}_${ok ? 'ok' : refused ? 'expected' : 'failed'}`].add(1);
    // The lab counts from when it wants to send: what opening a connection takes belongs to it.
    if (ok) times[op].add(answer.timings.blocked + answer.timings.duration);
    return { ok, code: fields.code, status: answer.status, fields };
}

export default function (plan) {
    const fan = exec.vu.idInTest - 1;
    const session = `Bearer ${plan.tokens[fan]}`;
    const room = `/v1/sales/${plan.sale}/waiting-room`;
    // One in ten, and one in fifty, as in the lab's plan.
    const habit = (every, which) => fan % every === which;
    sleepUntil(plan.doors + arrival(fan));

    let joined;
    for (;;) {
        joined = call('join', 'POST', `${room}/join`, session, null, Date.now() < plan.doors + 500 ? ['sale_closed'] : []);
        if (joined.ok) break;
        if (joined.code !== 'sale_closed' && joined.status !== 503 && joined.status !== 429) return;
        sleep(0.1);
    }
    if (habit(50, 11)) {
        const refusals = ['admission_required', 'admission_invalid', 'admission_foreign'];
        call('seats', 'GET', `/v1/sales/${plan.sale}/seats?status=available&limit=200`, session, null, refusals);
        const body = { best_available: { quantity: 1 }, idempotency_key: `${plan.sale}-${fan}-p` };
        call('hold', 'POST', `/v1/sales/${plan.sale}/holds`, session, body, refusals);
    }

    // The timetable is absolute: the next poll is due an interval after the last was due.
    let due = Date.now();
    let interval = joined.fields.retry_after_ms || 1000;
    let rejoinAt = habit(10, 0) ? due + 50 + Math.random() * 750 : null;
    const next = () => {
        do { due += interval; } while (due + interval <= Date.now());
        if (rejoinAt !== null && rejoinAt <= due) {
            sleepUntil(rejoinAt);
            rejoinAt = null;
            call('join', 'POST', `${room}/join`, session, null, []);
        }
        sleepUntil(due);
        const status = call('status', 'GET', `${room}/status`, session, null, []);
        if (status.fields.retry_after_ms) interval = status.fields.retry_after_ms;
        return status;
    };
    const enter = () => {
        for (;;) {
            const { ok, code, fields } = next();
            if (!ok && code === 'not_in_queue') return null;
            if (ok && (fields.phase === 'sold_out' || fields.phase === 'ended')) return null;
            if (ok && fields.admitted && fields.admission_token) return `Admission ${fields.admission_token}`;
            if (ok && ['bought', 'expired', 'left'].includes(fields.state)) return null;
        }
    };

    let admission = enter();
    if (admission === null) return;
    call('seats', 'GET', `/v1/sales/${plan.sale}/seats?status=available&limit=200`, admission, null, []);
    if (habit(50, 23)) {
        const body = { best_available: { quantity: CAP + 1 }, idempotency_key: `${plan.sale}-${fan}-o` };
        call('hold', 'POST', `/v1/sales/${plan.sale}/holds`, admission, body, ['cap_exceeded', 'unavailable']);
    }
    for (let attempt = 0; ; attempt += 1) {
        const key = `${plan.sale}-${fan}-h${attempt}`;
        const held = call('hold', 'POST', `/v1/sales/${plan.sale}/holds`, admission,
            { best_available: { quantity: 1 }, idempotency_key: key }, ['unavailable']);
        if (held.ok) {
            sleep(0.2 + Math.random() * 0.8);
            const body = { hold_id: held.fields.hold_id, idempotency_key: `${key}-c` };
            const paid = call('checkout', 'POST', `/v1/sales/${plan.sale}/checkout`, admission, body, []);
            if (!paid.ok) return;
            bought.add(paid.fields.ticket_ids.length);
            if (habit(10, 5)) call('checkout', 'POST', `/v1/sales/${plan.sale}/checkout`, admission, body, []);
            if (habit(50, 7)) {
                const ticket = { ticket_id: paid.fields.ticket_ids[0], to: 'somebody@example.test' };
                call('transfer', 'POST', '/v1/tickets/transfer', session, ticket, ['transfer_blocked']);
            }
            if (habit(50, 11)) {
                const again = { best_available: { quantity: 1 }, idempotency_key: `${key}-r` };
                call('hold', 'POST', `/v1/sales/${plan.sale}/holds`, admission, again, ['admission_used']);
            }
            return;
        }
        if (held.code !== 'unavailable') return;
        admission = enter();
        if (admission === null) return;
    }
}

export function handleSummary(data) {
    const value = (name, field) => (data.metrics[name] ? data.metrics[name].values[field] : 0);
    const steps = OPS.map((op) => ({
        op,
        ok: value(`${op}_ok`, 'count'),
        expected: value(`${op}_expected`, 'count'),
        failed: value(`${op}_failed`, 'count'),
        p50_ms: value(`${op}_ms`, 'med'),
        p95_ms: value(`${op}_ms`, 'p(95)'),
        p99_ms: value(`${op}_ms`, 'p(99)'),
    }));
    return { [__ENV.SUMMARY]: JSON.stringify({ fans: FANS, bought: value('bought', 'count'), steps }) };
}
