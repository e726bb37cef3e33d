/** The ways in: the demonstration user, e-mail and password (and a code, where the account
 * has a second factor), a new account, an API key. */
import { useState, type FormEvent } from 'react';

import { Refused, type Session } from './session';
import type { Settings } from './settings';

type Props = {
  session: Session;
  notice: string | null;
  demo: Settings['demo'];
  onClose: () => void;
};
type Way = 'signIn' | 'signUp' | 'key';

const ACTIONS: Record<Way, string> = {
  signIn: 'Sign in',
  signUp: 'Open an account',
  key: 'Use this key',
};
const OFFERS: Record<Way, string> = {
  signIn: 'Sign in with e-mail and password',
  signUp: 'Open an account',
  key: 'Use an API key',
};

export function SignIn({ session, notice, demo, onClose }: Props) {
  const [way, setWay] = useState<Way>('signIn');
  const [busy, setBusy] = useState(false);
  const [challenge, setChallenge] = useState<string | null>(null);
  const [fault, setFault] = useState<string | null>(null);

  const begin = async (email: string, password: string) =>
    setChallenge(await session.signIn(email, password));
  const attempt = async (enter: () => Promise<void>) => {
    setBusy(true);
    setFault(null);
    try {
      await enter();
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
    const password = String(given.get('password') ?? '');
    const ways: Record<Way, () => Promise<void>> = {
      signIn: () => begin(text('email'), password),
      signUp: () => session.signUp(text('name'), text('email'), password),
      key: () => session.useKey(text('key')),
    };
    const complete = () => session.completeSignIn(challenge ?? '', text('code'));
    void attempt(challenge ? complete : ways[way]);
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
        {challenge
          ? 'This account has a second factor.'
          : (notice ?? 'Queries run as you, and show what your workspaces let you see.')}
      </p>
      {demo && !challenge && (
        <>
          <button
            type="button"
            className="action action-first"
            disabled={busy}
            onClick={() => void attempt(() => begin(demo.email, demo.password))}
          >
            Sign in as the demonstration user
          </button>
          <p className="panel-or">
            <span>or with your own account</span>
          </p>
        </>
      )}
      <form key={challenge ?? way} onSubmit={submit} aria-label={OFFERS[way]}>
        {challenge && <CodeField />}
        {!challenge && way === 'key' && <KeyField />}
        {!challenge && way !== 'key' && <AccountFields isNew={way === 'signUp'} />}
        {fault && (
          <p role="alert" className="panel-fault">
            {fault}
          </p>
        )}
        <button type="submit" className={demo ? 'action' : 'action action-first'} disabled={busy}>
          {ACTIONS[way]}
        </button>
      </form>
      <p className="panel-ways">
        {(Object.keys(OFFERS) as Way[])
          .filter((other) => challenge || other !== way)
          .map((other) => (
            <button
              key={other}
              type="button"
              className="panel-link"
              onClick={() => {
                setWay(other);
                setChallenge(null);
                setFault(null);
              }}
            >
              {OFFERS[other]}
            </button>
          ))}
      </p>
    </>
  );
}

function AccountFields({ isNew }: { isNew: boolean }) {
  return (
    <>
      {isNew && (
        <label>
          Name
          <input name="name" required maxLength={200} autoComplete="name" />
        </label>
      )}
      <label>
        E-mail
        <input name="email" type="email" required autoComplete="username" />
      </label>
      <label>
        Password
        <input
          name="password"
          type="password"
          required
          minLength={isNew ? 8 : undefined}
          autoComplete={isNew ? 'new-password' : 'current-password'}
        />
      </label>
    </>
  );
}

function CodeField() {
  return (
    <label>
      Code of your authenticator app, or a recovery code
      <input
        name="code"
        required
        autoFocus
        autoComplete="one-time-code"
        autoCapitalize="none"
        spellCheck={false}
      />
    </label>
  );
}

function KeyField() {
  return (
    <label>
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
  );
}
