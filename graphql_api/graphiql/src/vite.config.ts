import { defineConfig, type Plugin } from 'vite';

import { thirdPartyLicences } from './licences.ts';

const licences = thirdPartyLicences('THIRD-PARTY-LICENSES.txt');

/** All packages but those that are loaded when they are needed. */
const ALWAYS_LOADED = /\/node_modules\/(?!monaco-|prettier)/;

/** GraphiQL's own style holds the editor's, so the editor must not bring it a second time. */
const editorStyleOnce: Plugin = {
  name: 'editor-style-once',
  enforce: 'pre',
  resolveId: (source, importer) =>
    source.endsWith('.css') && importer?.includes('/monaco-editor/') ? '\0no-style' : null,
  load: (id) => (id === '\0no-style' ? 'export {};' : null),
};

/** The server answers the page at /graphiql, without a slash at the end, so paths in it start with
 * its own name; everything else finds its neighbours relative to itself. So the page works below
 * any path that a proxy puts before it. */
export default defineConfig({
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    chunkSizeWarningLimit: 4096,
    rolldownOptions: {
      checks: { moduleLevelDirective: false },
      // What others wrote stays the same file, and in browsers' caches, when our own code changes.
      output: { codeSplitting: { groups: [{ name: 'packages', test: ALWAYS_LOADED }] } },
    },
  },
  experimental: {
    renderBuiltUrl: (file, { hostType }) =>
      hostType === 'html' ? `graphiql/${file}` : { relative: true },
  },
  plugins: [editorStyleOnce, licences.page()],
  worker: { format: 'es', plugins: () => [licences.worker()] },
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:8000', ws: true } } },
});
