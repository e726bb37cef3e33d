/** Writes the licence notices of every package whose code or style is in the built page. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Plugin, Rollup } from 'vite';

type Package = { name: string; version: string; license: string; folder: string };

/** Packages that are published without their text, and one of the same authors that has it. */
const SAME_AS: Record<string, string> = {
  '@graphiql/plugin-doc-explorer': 'graphiql',
  '@graphiql/plugin-explorer': 'graphiql',
  '@graphiql/plugin-history': 'graphiql',
  'react-compiler-runtime': 'react',
  'react-remove-scroll-bar': 'react-remove-scroll',
};

/** Fonts lie inside the packages' styles, without their licences, so those are kept beside this. */
const FONTS = ['Codicons', 'Fira Code', 'Roboto'];

const PACKAGES = join(import.meta.dirname, 'node_modules');

/** Vite puts a few lines of its own and of its bundler into the page, outside any module. */
const ALWAYS = ['vite', 'rolldown'];

export function thirdPartyLicences(fileName: string) {
  const found = new Map<string, Package>();

  function note(bundle: Rollup.OutputBundle, moduleIds: Iterable<string>) {
    const ids = Object.values(bundle).flatMap((file) =>
      file.type === 'chunk' ? file.moduleIds : [],
    );
    for (const id of [...ids, ...moduleIds]) {
      const owner = ownerOf(id.replace(/^\0/, '').replace(/\?.*$/, ''));
      if (owner) found.set(`${owner.name}@${owner.version}`, owner);
    }
  }

  return {
    worker: (): Plugin => ({
      name: 'note-licences-of-worker',
      generateBundle(_options, bundle) {
        note(bundle, []);
      },
    }),
    page: (): Plugin => ({
      name: 'third-party-licences',
      apply: 'build',
      generateBundle(_options, bundle) {
        const styles = [...this.getModuleIds()].filter((id) => id.includes('.css'));
        note(bundle, styles);
        for (const name of ALWAYS) {
          const own = read(join(PACKAGES, name));
          if (own) found.set(`${own.name}@${own.version}`, own);
        }
        const packages = [...found.values()].sort((a, b) => a.name.localeCompare(b.name, 'en'));
        this.emitFile({ type: 'asset', fileName, source: document(packages) });
      },
    }),
  };
}

function ownerOf(file: string): Package | null {
  if (!file.includes('/node_modules/')) return null;
  for (let folder = dirname(file); !folder.endsWith('/node_modules'); folder = dirname(folder)) {
    const own = read(folder);
    if (own) return own;
  }
  return null;
}

function read(folder: string): Package | null {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return null;
  const { name, version, license } = JSON.parse(readFileSync(file, 'utf8'));
  return name && version ? { name, version, license, folder } : null;
}

function document(packages: Package[]): string {
  const line = '='.repeat(100);
  const parts = packages.map((own) =>
    [line, `${own.name} ${own.version} (${own.license})`, line, '', textOf(own), ''].join('\n'),
  );
  const fonts = FONTS.map((name) => {
    const text = readFileSync(join(import.meta.dirname, 'licences', `${name}.txt`), 'utf8');
    return [line, `${name} (font)`, line, '', text].join('\n');
  });
  const opening =
    'The page of GraphiQL is built from the packages and fonts below, each used under its licence.\n';
  return [opening, ...parts, ...fonts].join('\n');
}

function textOf(own: Package): string {
  const texts = textsIn(own.folder);
  if (texts.length === 0) texts.push(...textsIn(join(PACKAGES, SAME_AS[own.name] ?? own.name)));
  if (texts.length === 0) throw new Error(`${own.name} has no licence text: say in SAME_AS who has`);
  return texts.join('\n\n').replace(/\r\n/g, '\n');
}

function textsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^(licen[cs]e|copying|notice|thirdpartynotices)/i.test(name))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8').trim());
}
