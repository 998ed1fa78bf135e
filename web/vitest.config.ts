// Logic without a browser: `*.test.ts` beside what they test.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['{shared,fan,lab,organiser,waiting}/**/*.test.ts'], environment: 'node' },
});
