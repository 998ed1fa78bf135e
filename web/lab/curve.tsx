// The shape of a run as a picture that follows its fields: fans at work, from the doors to the end.
import { number } from '../shared/format';
import { curve, lengthMs, type Wish } from './wish';

const WIDTH = 320;
const HEIGHT = 84;
const GROUND = 66;

export function Curve({ wish }: { wish: Wish }) {
  const corners = curve(wish);
  const total = Math.max(1, corners.at(-1)?.[0] ?? 1);
  const x = (sec: number) => (sec / total) * WIDTH;
  const y = (share: number) => GROUND - share * (GROUND - 8);
  const line = corners.map(([sec, share], at) => `${at === 0 ? 'M' : 'L'}${x(sec).toFixed(1)} ${y(share).toFixed(1)}`);
  const sec = (text: string) => (lengthMs(text) ?? 0) / 1_000;
  const [up, steady, down] = [sec(wish.rampUp), sec(wish.steady), sec(wish.rampDown)];
  const phases = [
    { name: 'up', from: 0, to: up },
    { name: 'steady', from: up, to: up + steady },
    { name: 'down', from: up + steady, to: up + steady + down },
  ];
  const says = `Up to ${number(Number(wish.vus) || 0)} fans: up for ${up} s, steady for ${steady} s, down for ${down} s.`;
  return (
    <svg class="curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={says}>
      {phases.map((phase, at) => (
        <g key={phase.name}>
          {at === 1 && <rect class="curve-steady" x={x(phase.from)} width={x(phase.to - phase.from)} height={GROUND} />}
          {x(phase.to - phase.from) > 36 && (
            <text x={(x(phase.from) + x(phase.to)) / 2} y={HEIGHT - 4}>
              {phase.name}
            </text>
          )}
        </g>
      ))}
      <path class="curve-area" d={`${line.join('')}L${WIDTH} ${GROUND}L0 ${GROUND}Z`} />
      <path class="curve-line" d={line.join('')} />
      <path class="curve-ground" d={`M0 ${GROUND}H${WIDTH}`} />
    </svg>
  );
}
