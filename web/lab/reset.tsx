// Makes a new demo sale with the fields as they are: for looking at the fan's pages, not for a run, which makes its own.
import { useSignal } from '@preact/signals';
import { ask } from '../shared/api';
import { client } from './session';
import type { Wish, Wrong } from './wish';

export function Reset({ wish, wrong }: { wish: Wish; wrong: Wrong }) {
  const said = useSignal<{ text: string; sale?: string } | undefined>(undefined);
  const busy = useSignal(false);
  const blocked = wrong.admitPerMinute ?? wrong.cap ?? wrong.seats;
  const reset = async () => {
    if (blocked || busy.value) return;
    busy.value = true;
    const body = {
      total_seats: Number(wish.seats),
      admit_per_minute: Number(wish.admitPerMinute),
      waiting_room_cap: Number(wish.cap),
      hold_ttl_sec: null,
      max_tickets_per_user: null,
      name: null,
      opens_in_ms: null,
    };
    const answer = await ask(client.POST('/v1/demo/reset', { body }));
    busy.value = false;
    if (answer.ok) said.value = { text: answer.value.message, sale: answer.value.sale_id };
    else said.value = { text: 'problem' in answer ? answer.problem.detail : 'The server cannot be reached.' };
  };
  return (
    <div class="part reset">
      <button type="button" class="btn small" onClick={reset} aria-disabled={busy.value || blocked !== undefined}>
        {busy.value ? 'Making it…' : 'Reset the demo sale'}
      </button>
      <p class="small soft" role="status">
        {said.value ? said.value.text : 'A new, empty one with these terms.'}{' '}
        {said.value?.sale && <a href={`/fan/${said.value.sale}`}>Look at it</a>}
      </p>
    </div>
  );
}
