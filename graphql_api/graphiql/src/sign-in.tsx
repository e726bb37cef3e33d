/** The three ways in: the demonstration user, e-mail and password, an API key. */
import { useState, type FormEvent } from 'react';

import { Refused, type Session } from './session';
import type { Settings } from './settings';

type Props = {
  session: Session;
  notice: string | null;
  demo: Settings['demo'];
  onClose: () => void;
};

export function SignIn({ session, notice, demo, onClose }: Props) {
  const [withKey, setWithKey] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);

  const attempt = async (way: () => Promise<void>) => {
    setBusy(true);
    setFault(null);
    try {
      await way();
    } catch (error) {
      setFault(
        error instanceof Refused
          ? error.message
          : 'The server cannot be reached. Is it running? Then try again.',
      );
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const text = (name: string) => String(given.get(name) ?? '').trim();
    void attempt(() =>
      withKey
        ? session.useKey(text('key'))
        : session.signIn(text('email'), String(given.get('password') ?? '')),
    );
  };

  return (
    <>
      <div className="panel-head">
        <h2>Sign in</h2>
        <button type="button" className="panel-close" aria-label="Close the sign-in" onClick={onClose}>
          ×
        </button>
      </div>
      <p className="panel-hint">
        {notice ?? 'Queries run as you, and show what your workspaces let you see.'}
      </p>
      {demo && (
        <>
          <button
            type="button"
            className="action action-first"
            disabled={busy}
            onClick={() => void attempt(() => session.signIn(demo.email, demo.password))}
          >
            Sign in as the demonstration user
          </button>
          <p className="panel-or">
            <span>or with your own account</span>
          </p>
        </>
      )}
      <form onSubmit={submit} aria-label={withKey ? 'Use an API key' : 'Sign in'}>
        {withKey ? (
          <label key="key">
            API key
            <input
              name="key"
              required
              pattern="\s*mcp_\S+\s*"
              title="An API key begins with mcp_"
              placeholder="mcp_…"
              autoComplete="off"
              spellCheck={false}
            />
          </label>
        ) : (
          <>
            <label key="email">
              E-mail
              <input name="email" type="email" required autoComplete="username" />
            </label>
            <label key="password">
              Password
              <input name="password" type="password" required autoComplete="current-password" />
            </label>
          </>
        )}
        {fault && (
          <p role="alert" className="panel-fault">
            {fault}
          </p>
        )}
        <button type="submit" className={demo ? 'action' : 'action action-first'} disabled={busy}>
          {withKey ? 'Use this key' : 'Sign in'}
        </button>
      </form>
      <button
        type="button"
        className="panel-link"
        onClick={() => {
          setWithKey(!withKey);
          setFault(null);
        }}
      >
        {withKey ? 'Sign in with e-mail and password instead' : 'Use an API key instead'}
      </button>
    </>
  );
}
