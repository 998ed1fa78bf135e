// Makes the waiting page: one answer for each language, its style and script inside, and the policy that lets just these in.
// And the plain form of the sale page, for browsers without scripts.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build, type Plugin } from 'vite';
import { de } from './texts/de.ts';
import { en, type Texts } from './texts/en.ts';
import { hi } from './texts/hi.ts';
import { BANDS, CHANCES, STATES, WAITS } from './view.ts';

const LANGUAGES: Record<string, Texts> = { en, de, hi };
// What a phone with a weak signal gets in one go, and the page's own promise.
const BYTES_MAX = 6_000;

/** Numbers stand in their texts as {n}; the server fills the slot, and the script finds it by its name. */
const SLOTS: Record<string, string> = {
  at_least: place('at_least'),
  up_to: '{{cap}}',
};

function place(name: string): string {
  return `<span data-f="${name}">{{${name}}}</span>`;
}

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

function said(texts: Texts, key: string): string {
  const text = texts[key as keyof Texts];
  if (text === undefined) throw new Error(`waiting/page.html: there is no text '${key}'`);
  return escaped(text)
    .replace('{n}', SLOTS[key] ?? '')
    .replace('{low}', place('low'))
    .replace('{high}', place('high'));
}

/** The other languages; a link, so that it works without scripts. */
function links(lang: string): string {
  return Object.entries(LANGUAGES)
    .map(([code, { language }]) =>
      code === lang
        ? `<b>${language}</b>`
        : `<a href="?lang=${code}" lang="${code}" hreflang="${code}">${language}</a>`,
    )
    .join('');
}

/** A template in one language. What is left open in it, the server fills in. */
function written(template: string, lang: string, texts: Texts): string {
  return template
    .replace('<html lang="en">', `<html lang="${lang}">`)
    .replace('[[languages_links]]', links(lang))
    .replace(/\[\[(\w+)\]\]/g, (_, key) => said(texts, key));
}

/** What is marked for another state is not there. */
function rules(): string {
  const hide = (data: string, mark: string, names: string[]) =>
    names.map((name) => `[data-${data}=${name}] .${mark}:not(.${name})`);
  const hidden = [
    ...hide('state', 's', STATES),
    ...hide('wait', 'w', WAITS),
    ...hide('band', 'b', BANDS),
    ...hide('chance', 'c', CHANCES),
    'body:not([data-net=off]) .off',
    'body:not([data-js]) .js',
  ];
  return `${hidden.join(',')}{display:none}`;
}

/** The script and the style, as small as they get. */
async function inlined(root: string): Promise<{ script: string; style: string }> {
  const entry = join(root, 'waiting/inline.ts');
  const made = await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      cssTarget: 'chrome111',
      modulePreload: false,
      lib: { entry, formats: ['iife'], name: 'waiting', fileName: 'waiting' },
    },
  });
  const outputs = (Array.isArray(made) ? made : [made]).flatMap((one) => ('output' in one ? one.output : []));
  const script = outputs.find((one) => one.type === 'chunk')?.code.trim() ?? '';
  const css = outputs.find((one) => one.type === 'asset' && one.fileName.endsWith('.css'));
  const style = css?.type === 'asset' ? `${css.source}`.trim() + rules() : '';
  if (!script || !style || /<\/(script|style)|\{\{/i.test(script + style))
    throw new Error('waiting: nothing to inline');
  return { script, style };
}

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

function checkSize(name: string, page: string): void {
  const bytes = { gzip: gzipSync(page).length, brotli: brotliCompressSync(page).length };
  if (Math.max(bytes.gzip, bytes.brotli) > BYTES_MAX) {
    throw new Error(`${name} is ${bytes.gzip} bytes by gzip, ${bytes.brotli} by brotli; ${BYTES_MAX} is the most`);
  }
}

export function waitingPages(root: string): Plugin {
  return {
    name: 'waiting-pages',
    apply: 'build',
    async generateBundle() {
      const { script, style } = await inlined(root);
      const [line, sale] = ['page', 'sale'].map((name) => readFileSync(join(root, `waiting/${name}.html`), 'utf8'));
      for (const [lang, texts] of Object.entries(LANGUAGES)) {
        const page = written(line as string, lang, texts)
          .replace('<!--style-->', () => `<style>${style}</style>`)
          .replace('<!--script-->', () => `<script>${script}</script>`);
        checkSize(`waiting/${lang}.html`, page);
        this.emitFile({ type: 'asset', fileName: `waiting/${lang}.html`, source: page });
        const plain = written(sale as string, lang, texts);
        this.emitFile({ type: 'asset', fileName: `waiting/sale.${lang}.html`, source: plain });
      }
      const policy = JSON.stringify({ script: hash(script), style: hash(style) });
      this.emitFile({ type: 'asset', fileName: 'waiting/policy.json', source: policy });
    },
  };
}
