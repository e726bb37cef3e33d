/** Who is signed in on this page, and the token that proves it.
 *
 * Tokens live in memory. They lie in sessionStorage only from the moment the page is left until it
 * is shown again, so that a reload keeps the sign-in: a script that found its way into the page
 * could use them there as here, but nothing is left for one that comes later, no other tab inherits
 * them (two tabs that refresh the same token look like theft to the server, which then ends the
 * session), and they are gone with the tab. Never in localStorage, which outlives both.
 */
import completeSignInOperation from './account/CompleteSignIn.graphql?raw';
import refreshSessionOperation from './account/RefreshSession.graphql?raw';
import signInOperation from './account/SignIn.graphql?raw';
import signOutOperation from './account/SignOut.graphql?raw';
import signUpOperation from './account/SignUp.graphql?raw';
import whoHoldsThisKeyOperation from './account/WhoHoldsThisKey.graphql?raw';

/** Their first workspace and its newest execution are what examples are tried with. */
export type Person = {
  name: string;
  detail: string;
  workspaceId: string | null;
  executionId: string | null;
};

/** `expiresAt` is a moment of this machine's clock, which may differ from the server's. */
type Tokens = { accessToken: string; refreshToken: string; expiresAt: number };
type SignedIn =
  | { as: 'user'; who: Person; tokens: Tokens }
  | { as: 'key'; who: Person; key: string };

export type Standing = { signedIn: SignedIn | null; notice: string | null };

type UserError = { code: string; message: string; challenge?: string };
type Granted = {
  accessToken?: string | null;
  refreshToken?: string | null;
  expiresAt?: string | null;
  errors: UserError[];
};
type Entered = Granted & { viewer?: Viewer | null };
type Viewer = {
  user?: { name: string; email: string } | null;
  apiKey?: { name: string } | null;
  workspaces: {
    nodes: { id: string; name?: string; executions?: { nodes: { id: string }[] } | null }[];
  };
};
type Answer<T> = { data?: T | null; errors?: { message: string }[] };
type Answered<T> = { data: T; serverClock: number };

const HANDED_OVER = 'graphiql-page:session:1';
const REFRESH_BEFORE_MS = 60_000;
const SHOWN_OF_A_KEY = 12;

/** The server did not do what was asked; the message is fit to be shown. */
export class Refused extends Error {}

/** It decided so about these credentials, and will not think otherwise the next time. */
class NotAccepted extends Refused {}

export class Session {
  private standing: Standing = { signedIn: null, notice: null };
  private readonly watchers = new Set<() => void>();
  private refreshing: Promise<void> | null = null;
  private timer: number | undefined;

  constructor(private readonly graphqlUrl: string) {
    this.takeOver();
    addEventListener('pagehide', () => this.handOver());
    addEventListener('pageshow', () => sessionStorage.removeItem(HANDED_OVER));
  }

  readonly current = (): Standing => this.standing;

  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Where the account has a second factor, the challenge that a code completes. */
  async signIn(email: string, password: string): Promise<string | null> {
    const { data, serverClock } = await this.ask<{ signIn: Entered }>(signInOperation, {
      email,
      password,
    });
    const challenge = data.signIn.errors[0]?.challenge;
    if (challenge) return challenge;
    this.enter(data.signIn, serverClock);
    return null;
  }

  async completeSignIn(challenge: string, code: string): Promise<void> {
    const { data, serverClock } = await this.ask<{ completeSignIn: Entered }>(
      completeSignInOperation,
      { challenge, code },
    );
    this.enter(data.completeSignIn, serverClock);
  }

  /** Opens an account and signs in to it. Whether the address had one already is not told here; then
   * the password is of another's making, and the sign-in fails. */
  async signUp(name: string, email: string, password: string): Promise<void> {
    const { data } = await this.ask<{ signUp: { errors: UserError[] } }>(signUpOperation, {
      name,
      email,
      password,
    });
    const [fault] = data.signUp.errors;
    if (fault) throw new Refused(fault.message);
    await this.signIn(email, password);
  }

  /** A key may lack the right to read its own name or its workspace's; then it goes by its start. */
  async useKey(key: string): Promise<void> {
    const { data } = await this.ask<{ viewer: Viewer | null }>(whoHoldsThisKeyOperation, {}, key);
    if (!data.viewer) throw new Refused('This API key is unknown, revoked or has run out.');
    const workspace = data.viewer.workspaces.nodes[0];
    const name = data.viewer.apiKey?.name ?? `${key.slice(0, SHOWN_OF_A_KEY)}…`;
    const detail = workspace ? `API key of ${workspace.name}` : 'API key';
    this.set({ as: 'key', key, who: { name, detail, ...firstOf(data.viewer) } });
  }

  /** The page forgets the tokens at once. If the server cannot be told, they run out by themselves. */
  async signOut(): Promise<void> {
    const { signedIn } = this.standing;
    this.set(null);
    if (signedIn?.as !== 'user') return;
    const { refreshToken } = signedIn.tokens;
    await orWarn(this.ask(signOutOperation, { refreshToken }));
  }

  /** The token to send now, renewed if it is about to run out; null if nobody is signed in. */
  async token(): Promise<string | null> {
    if (this.runsOutWithin(REFRESH_BEFORE_MS / 2)) await this.refresh();
    const { signedIn } = this.standing;
    if (!signedIn) return null;
    return signedIn.as === 'key' ? signedIn.key : signedIn.tokens.accessToken;
  }

  /** Exchange the tokens for new ones. Whoever asks while it goes on waits for the same answer. */
  refresh(): Promise<void> {
    this.refreshing ??= this.exchange().finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  get renewable(): boolean {
    return this.standing.signedIn?.as === 'user';
  }

  private enter(entered: Entered, serverClock: number): void {
    const tokens = tokensOf(entered, serverClock);
    const { name, email } = entered.viewer?.user ?? { name: 'You', email: '' };
    this.set({ as: 'user', tokens, who: { name, detail: email, ...firstOf(entered.viewer) } });
  }

  private async exchange(): Promise<void> {
    const before = this.standing.signedIn;
    if (before?.as !== 'user') return;
    try {
      const { refreshToken } = before.tokens;
      const { data, serverClock } = await this.ask<{ refreshSession: Granted }>(
        refreshSessionOperation,
        { refreshToken },
      );
      const tokens = tokensOf(data.refreshSession, serverClock);
      if (this.standing.signedIn === before) this.set({ ...before, tokens });
    } catch (error) {
      if (!(error instanceof NotAccepted)) throw error;
      if (this.standing.signedIn === before) {
        this.set(null, 'Your session has ended. Please sign in again.');
      }
    }
  }

  private runsOutWithin(ms: number): boolean {
    const { signedIn } = this.standing;
    return signedIn?.as === 'user' && signedIn.tokens.expiresAt - Date.now() < ms;
  }

  private set(signedIn: SignedIn | null, notice: string | null = null): void {
    this.standing = { signedIn, notice };
    clearTimeout(this.timer);
    if (signedIn?.as === 'user') {
      const left = signedIn.tokens.expiresAt - Date.now();
      this.timer = window.setTimeout(
        () => void orWarn(this.refresh()),
        Math.max(left - REFRESH_BEFORE_MS, 1000),
      );
    }
    for (const watcher of this.watchers) watcher();
  }

  private async ask<T>(query: string, variables: object, token?: string): Promise<Answered<T>> {
    const headers: Record<string, string> = {
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json, application/json;q=0.9',
    };
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(this.graphqlUrl, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, variables }),
    });
    const answer = (await response.json()) as Answer<T>;
    if (answer.errors?.length || !answer.data) {
      throw new Refused(answer.errors?.[0]?.message ?? `The server answered ${response.status}.`);
    }
    const date = response.headers.get('Date');
    return { data: answer.data, serverClock: date ? Date.parse(date) : Date.now() };
  }

  private handOver(): void {
    const { signedIn } = this.standing;
    if (signedIn) sessionStorage.setItem(HANDED_OVER, JSON.stringify(signedIn));
  }

  private takeOver(): void {
    const handed = sessionStorage.getItem(HANDED_OVER);
    sessionStorage.removeItem(HANDED_OVER);
    if (handed) this.set(JSON.parse(handed) as SignedIn);
  }
}

/** For what nobody waits for, and what the next request will try again. */
async function orWarn(attempt: Promise<unknown>): Promise<void> {
  try {
    await attempt;
  } catch (error) {
    console.warn('The server could not be told about the session.', error);
  }
}

function firstOf(viewer?: Viewer | null): Pick<Person, 'workspaceId' | 'executionId'> {
  const workspace = viewer?.workspaces.nodes[0];
  return {
    workspaceId: workspace?.id ?? null,
    executionId: workspace?.executions?.nodes[0]?.id ?? null,
  };
}

function tokensOf(granted: Granted, serverClock: number): Tokens {
  const { accessToken, refreshToken, expiresAt, errors } = granted;
  if (errors.length || !accessToken || !refreshToken || !expiresAt) {
    throw new NotAccepted(errors[0]?.message ?? 'The server gave no token.');
  }
  const lifetime = Date.parse(expiresAt) - serverClock;
  return { accessToken, refreshToken, expiresAt: Date.now() + lifetime };
}
