/** The page: a header that says whose eyes you look through, and GraphiQL below it. */
import { DOC_EXPLORER_PLUGIN, DocExplorerStore } from '@graphiql/plugin-doc-explorer';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN, HistoryStore } from '@graphiql/plugin-history';
import { GraphiQLProvider, useGraphiQL } from '@graphiql/react';
import { GraphiQL, GraphiQLInterface } from 'graphiql';
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';

import { EXAMPLES_PLUGIN, FIRST_EXAMPLES, SOME_EXECUTION, SOME_WORKSPACE } from './examples';
import { fetcherFor } from './fetcher';
import { Header } from './header';
import { Session } from './session';
import type { Settings } from './settings';

const PLUGINS = [
  DOC_EXPLORER_PLUGIN,
  EXAMPLES_PLUGIN,
  explorerPlugin({ showAttribution: false }),
  HISTORY_PLUGIN,
];
const TABS = FIRST_EXAMPLES.map(({ query, variables }) => ({ query, variables }));
const WIDE = matchMedia('(min-width: 1000px)').matches;

export function Page({ settings }: { settings: Settings }) {
  const [session] = useState(() => new Session(settings.graphqlUrl));
  const fetcher = useMemo(() => fetcherFor(settings.graphqlUrl, session), [settings, session]);
  const standing = useSyncExternalStore(session.watch, session.current);
  return (
    <GraphiQLProvider
      fetcher={fetcher}
      plugins={PLUGINS}
      referencePlugin={DOC_EXPLORER_PLUGIN}
      visiblePlugin={WIDE ? EXAMPLES_PLUGIN : undefined}
      defaultTabs={TABS}
      shouldPersistHeaders={false}
    >
      <HistoryStore>
        <DocExplorerStore>
          <EditorText />
          <PaneFromTheTop />
          <div className="page graphiql-container">
            <Header session={session} standing={standing} demo={settings.demo} />
            <div className="page-graphiql">
              <GraphiQLInterface showPersistHeadersSettings={false}>
                <GraphiQL.Logo>{' '}</GraphiQL.Logo>
              </GraphiQLInterface>
            </div>
          </div>
          {/* After the examples, so that their effects come after those that open one. */}
          <FilledIn place={SOME_WORKSPACE} id={standing.signedIn?.who.workspaceId} />
          <FilledIn place={SOME_EXECUTION} id={standing.signedIn?.who.executionId} />
        </DocExplorerStore>
      </HistoryStore>
    </GraphiQLProvider>
  );
}

/** Text small enough that a query and its answer stand side by side, and lines that wrap. */
function EditorText() {
  const editors = useGraphiQL((state) => [
    state.queryEditor,
    state.variableEditor,
    state.headerEditor,
    state.responseEditor,
  ]);
  useEffect(() => {
    for (const editor of editors) {
      editor?.updateOptions({ fontSize: 13, wordWrap: 'on', wrappingIndent: 'indent' });
    }
  }, editors);
  return null;
}

/** Every plugin is shown in the same pane, which would stay scrolled to where the last one was; and
 * the explorer takes the focus to the last number in the query, far down, before anybody asks. */
function PaneFromTheTop() {
  const plugin = useGraphiQL((state) => state.visiblePlugin);
  useEffect(() => {
    const pane = document.querySelector('.graphiql-plugin');
    if (!pane) return;
    const asked = new AbortController();
    const { signal } = asked;
    const startAtTheTop = () => {
      pane.scrollTo(0, 0);
      if (!pane.contains(document.activeElement)) return;
      document.querySelector<HTMLElement>('.graphiql-sidebar button.active')?.focus();
    };
    startAtTheTop();
    pane.addEventListener('focusin', startAtTheTop, { signal });
    for (const act of ['pointerdown', 'keydown']) {
      addEventListener(act, () => asked.abort(), { signal, capture: true });
    }
    return () => asked.abort();
  }, [plugin]);
  return null;
}

/** Puts the id of something of yours where an example needs one. */
function FilledIn({ place, id }: { place: string; id: string | null | undefined }) {
  const { variableEditor, activeTabIndex } = useGraphiQL((state) => ({
    variableEditor: state.variableEditor,
    activeTabIndex: state.activeTabIndex,
  }));
  useEffect(() => {
    const text = variableEditor?.getValue();
    if (id && text?.includes(place)) {
      variableEditor?.setValue(text.replace(place, id));
    }
  }, [id, place, variableEditor, activeTabIndex]);
  return null;
}
