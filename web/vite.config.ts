// Builds the pages into dist/: one entry a page, hashed files in assets/, each text file beside its compressed forms.
// The server embeds dist/. `npm run dev` serves the sources instead, and asks a running server for everything else.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';
import { waitingPages } from './waiting/build.ts';

const PAGES = ['fan', 'lab', 'organiser'] as const;
const SERVER = process.env['TRAFFIC_URL'] ?? 'http://127.0.0.1:8080';
// Below this a compressed form saves less than its headers cost.
const COMPRESS_BYTES_MIN = 512;

/** Writes `x.br` and `x.gz` beside every text file, once everything is there. */
function precompress(dist: string): Plugin {
  const texts = /\.(html|js|css|svg|json|webmanifest)$/;
  const compress = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      // The waiting page is filled in before it is sent.
      if (entry.isDirectory() && entry.name !== 'waiting') compress(path);
      else if (entry.isFile() && texts.test(entry.name) && statSync(path).size >= COMPRESS_BYTES_MIN) {
        const bytes = readFileSync(path);
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    }
  };
  return { name: 'precompress', apply: 'build', enforce: 'post', closeBundle: () => compress(dist) };
}

/** Empties dist/ but for the file that keeps it in the repository: the server's build needs the folder. */
function emptied(dist: string): Plugin {
  const empty = () => {
    for (const name of readdirSync(dist)) if (name !== '.gitignore') rmSync(join(dist, name), { recursive: true });
  };
  return { name: 'emptied', apply: 'build', buildStart: empty };
}

/** In development: every path below /fan is the fan's page, and so on, as the server has it. */
function pagesByPath(): Plugin {
  return {
    name: 'pages-by-path',
    configureServer: (server) => {
      server.middlewares.use((request, _response, next) => {
        const path = (request.url ?? '/').split('?')[0] ?? '/';
        const page = PAGES.find((page) => path === `/${page}` || path.startsWith(`/${page}/`));
        if (page && !path.endsWith('/line') && !/\.[a-z]+$/.test(path)) request.url = `/${page}/index.html`;
        if (path === '/') request.url = '/lab/index.html';
        next();
      });
    },
  };
}

const dist = join(import.meta.dirname, 'dist');

export default defineConfig({
  root: import.meta.dirname,
  appType: 'mpa',
  plugins: [emptied(dist), waitingPages(import.meta.dirname), pagesByPath(), precompress(dist)],
  build: {
    outDir: dist,
    emptyOutDir: false,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: Object.fromEntries(PAGES.map((page) => [page, join(import.meta.dirname, page, 'index.html')])),
    },
  },
  server: { port: 5173, proxy: { '/v1': SERVER, '^/fan/[^/]+/line': SERVER } },
});
