/** Operations that are ready to run: the tabs of a first visit, and a panel that brings them back. */
import { useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from '@graphiql/react';
import { useEffect, useState } from 'react';

import filterAndPage from './examples/FilterAndPage.graphql?raw';
import importWorkflow from './examples/ImportWorkflow.graphql?raw';
import liveLog from './examples/LiveLog.graphql?raw';
import nestedGraph from './examples/NestedGraph.graphql?raw';
import typedError from './examples/TypedError.graphql?raw';
import watchExecutions from './examples/WatchExecutions.graphql?raw';
import workflowStatistics from './examples/WorkflowStatistics.graphql?raw';

/** Stands in the variables of examples where a workspace of the reader's goes. */
export const SOME_WORKSPACE = 'the id of a workspace';
/** And where an execution goes. */
export const SOME_EXECUTION = 'the id of an execution';

type Example = { name: string; title: string; teaches: string; query: string; variables?: string };

export const EXAMPLES: Example[] = [
  {
    name: 'NestedGraph',
    title: 'The whole graph',
    teaches: 'Workspaces, workflows, versions, deployments, executions and their first logs at once.',
    query: nestedGraph,
  },
  {
    name: 'WorkflowStatistics',
    title: 'One workflow, measured',
    teaches: 'How often it ran, how often it succeeded and how long it took.',
    query: workflowStatistics,
    variables: JSON.stringify({ since: aWeekAgo() }, null, 2),
  },
  {
    name: 'FilterAndPage',
    title: 'Filter and page',
    teaches: 'Only failed runs, newest first, and how to ask for the next page.',
    query: filterAndPage,
    variables: JSON.stringify({ after: null }, null, 2),
  },
  {
    name: 'ImportWorkflow',
    title: 'Import a workflow',
    teaches: 'A mutation that takes an n8n export and reports what did not map.',
    query: importWorkflow,
    variables: JSON.stringify({ workspaceId: SOME_WORKSPACE }, null, 2),
  },
  {
    name: 'LiveLog',
    title: 'Follow a log',
    teaches: 'A subscription: every line of your newest run, once and in order, as it is written.',
    query: liveLog,
    variables: JSON.stringify({ executionId: SOME_EXECUTION, after: null }, null, 2),
  },
  {
    name: 'WatchExecutions',
    title: 'Watch a workspace',
    teaches: 'A subscription: every run as it begins, changes and ends. See how to play a runtime beside it.',
    query: watchExecutions,
    variables: JSON.stringify({ workspaceId: SOME_WORKSPACE }, null, 2),
  },
  {
    name: 'TypedError',
    title: 'Be refused',
    teaches: 'A mutation that is wrong: its errors are data, with a type, a code and the place.',
    query: typedError,
    variables: JSON.stringify({ workspaceId: SOME_WORKSPACE }, null, 2),
  },
];

/** The tabs of a first visit; more would not fit beside each other. */
export const FIRST_EXAMPLES = EXAMPLES.slice(0, 4);

const DOCS = 'Documentation Explorer';
const EXPLORER = 'GraphiQL Explorer';

export const EXAMPLES_PLUGIN: GraphiQLPlugin = {
  title: 'Examples',
  icon: () => (
    <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M10 5.2C8.6 4 6.4 3.4 3 3.5v11.6c3.4-.1 5.6.4 7 1.6 1.4-1.2 3.6-1.7 7-1.6V3.5c-3.4-.1-5.6.5-7 1.7Zm0 0v11.5" />
    </svg>
  ),
  content: Examples,
};

function aWeekAgo(): string {
  const day = new Date();
  day.setUTCDate(day.getUTCDate() - 7);
  return `${day.toISOString().slice(0, 10)}T00:00:00Z`;
}

function Examples() {
  const open = useOpenExample();
  const { setVisiblePlugin } = useGraphiQLActions();
  return (
    <section aria-label="Examples" className="examples">
      <h2 className="examples-title">Start here</h2>
      <p className="examples-lead">
        Open an example and run it with the play button or <kbd>Ctrl</kbd> <kbd>Enter</kbd>.
      </p>
      <ol className="examples-list">
        {EXAMPLES.map((example) => (
          <li key={example.name}>
            <button type="button" className="example" onClick={() => open(example)}>
              <strong>{example.title}</strong>
              <span>{example.teaches}</span>
            </button>
          </li>
        ))}
      </ol>
      <p className="examples-lead">
        Then make it yours:{' '}
        <button type="button" className="examples-link" onClick={() => setVisiblePlugin(EXPLORER)}>
          build a query from tick boxes
        </button>{' '}
        or{' '}
        <button type="button" className="examples-link" onClick={() => setVisiblePlugin(DOCS)}>
          read what every field means
        </button>
        .
      </p>
    </section>
  );
}

/** Shows the tab that holds the example, or a new one. */
function useOpenExample(): (example: Example) => void {
  const { addTab, changeTab } = useGraphiQLActions();
  const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL((state) => ({
    tabs: state.tabs,
    activeTabIndex: state.activeTabIndex,
    queryEditor: state.queryEditor,
    variableEditor: state.variableEditor,
  }));
  const [toFill, setToFill] = useState<{ example: Example; tab: number } | null>(null);
  useEffect(() => {
    if (!toFill || toFill.tab !== activeTabIndex) return;
    queryEditor?.setValue(toFill.example.query);
    variableEditor?.setValue(toFill.example.variables ?? '');
    setToFill(null);
  }, [toFill, activeTabIndex, queryEditor, variableEditor]);
  return (example) => {
    const opened = tabs.findIndex((tab) => tab.title === example.name);
    if (opened >= 0) {
      if (opened !== activeTabIndex) changeTab(opened);
      return;
    }
    setToFill({ example, tab: tabs.length });
    addTab();
  };
}
