/** The bar above GraphiQL: what this is, and who is signed in. */
import { useEffect, useRef, useState } from 'react';

import icon from './icon.svg';
import type { Session, Standing } from './session';
import type { Settings } from './settings';
import { SignIn } from './sign-in';

type Props = { session: Session; standing: Standing; demo: Settings['demo'] };

export function Header({ session, standing, demo }: Props) {
  const { signedIn } = standing;
  const [open, setOpen] = useState(!signedIn);
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLElement>(null);

  /** Whoever was in the panel with the keyboard goes on at the button. */
  const close = () => {
    if (!open) return;
    const at = document.activeElement;
    if (at === document.body || panel.current?.contains(at)) button.current?.focus();
    setOpen(false);
  };
  useEffect(() => {
    if (signedIn) close();
    else setOpen(true);
  }, [signedIn === null]);
  useEffect(() => {
    if (!open) return;
    const closeOnEscape = (event: KeyboardEvent) => {
      if (event.key === 'Escape') close();
    };
    const closeOnPress = ({ target }: PointerEvent) => {
      const here = [panel.current, button.current].some((part) => part?.contains(target as Node));
      if (signedIn && !here) setOpen(false);
    };
    addEventListener('keydown', closeOnEscape);
    addEventListener('pointerdown', closeOnPress);
    return () => {
      removeEventListener('keydown', closeOnEscape);
      removeEventListener('pointerdown', closeOnPress);
    };
  }, [open, signedIn]);

  return (
    <header className="bar">
      <a className="brand" href="" aria-label="MCP Platform, GraphQL API">
        <img src={icon} alt="" width="28" height="28" />
        <span className="brand-name">MCP Platform</span>
        <span className="brand-part">GraphQL API</span>
      </a>
      <button
        ref={button}
        type="button"
        className={signedIn ? 'account' : 'account account-signed-out'}
        aria-expanded={open}
        aria-controls="account-panel"
        onClick={() => setOpen(!open)}
      >
        {signedIn ? (
          <>
            <span className="account-initials" aria-hidden="true">
              {initialsOf(signedIn.who.name)}
            </span>
            <span className="account-name">{signedIn.who.name}</span>
          </>
        ) : (
          'Sign in'
        )}
      </button>
      <section ref={panel} id="account-panel" className="panel" hidden={!open} aria-label="Account">
        {signedIn ? (
          <>
            <p className="panel-lead">
              Signed in as <strong>{signedIn.who.name}</strong>
              <br />
              <span className="panel-hint">{signedIn.who.detail}</span>
            </p>
            <p className="panel-hint">
              {signedIn.as === 'key'
                ? 'Every request of this page carries this key. It is forgotten when you close the tab.'
                : 'Every request of this page carries your token. It is renewed by itself and forgotten when you sign out or close the tab.'}
            </p>
            <button type="button" className="action" onClick={() => void session.signOut()}>
              {signedIn.as === 'key' ? 'Forget this key' : 'Sign out'}
            </button>
          </>
        ) : (
          <SignIn session={session} notice={standing.notice} demo={demo} onClose={close} />
        )}
      </section>
    </header>
  );
}

function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/);
  return [words[0], words.length > 1 ? words[words.length - 1] : '']
    .map((word) => word?.charAt(0) ?? '')
    .join('')
    .toUpperCase();
}
