import { RefusedError, type Access, type Socket } from "./options.js";
import { authenticate, parse, type Incoming } from "./protocol.js";

/** The close code that says that the credential is no good (any more). */
const KEY_REFUSED = 4401;
/** A server that takes the connection and says nothing for so long is one that failed. */
const AUTH_WAIT_MS = 10000;

/**
 * lost          nobody answers, or the connection broke
 * not accepted  the server does not take the credential
 * refused       `access` says that there is no use in asking
 */
export type Ending = "lost" | "not accepted" | "refused";

/** Who made the attempt; called at most once with `over`, and never after `end`. */
export interface Party {
  welcomed(): void;
  heard(message: Incoming): void;
  over(ending: Ending): void;
}

/** One connection, from the question where to connect until it is over. */
export class Attempt {
  private socket: Socket | null = null;
  private authTimer: ReturnType<typeof setTimeout> | undefined;
  private isOver = false;
  private isIn = false;

  constructor(
    private readonly access: () => Promise<Access>,
    private readonly open: (url: string) => Socket,
    private readonly party: Party,
  ) {}

  /** Logged in. */
  get isLive(): boolean {
    return this.isIn;
  }

  async begin(): Promise<void> {
    try {
      const { url, credential } = await this.access();
      if (!this.isOver) this.attach(this.open(url), credential);
    } catch (error) {
      this.finish(error instanceof RefusedError ? "refused" : "lost");
    }
  }

  send(text: string): void {
    this.socket?.send(text);
  }

  /** Let go of it without a word to the party. */
  end(): void {
    this.isOver = true;
    this.isIn = false;
    clearTimeout(this.authTimer);
    this.socket?.close(1000);
    this.socket = null;
  }

  private attach(socket: Socket, credential: string): void {
    this.socket = socket;
    this.authTimer = setTimeout(() => this.finish("lost"), AUTH_WAIT_MS);
    socket.onopen = () => this.send(authenticate(credential));
    socket.onmessage = ({ data }) => {
      if (!this.isOver && typeof data === "string") this.received(parse(data));
    };
    socket.onerror = null; // a close follows
    socket.onclose = ({ code }) => this.finish(code === KEY_REFUSED ? "not accepted" : "lost");
  }

  private received(message: Incoming): void {
    if (message.kind !== "auth") return this.party.heard(message);
    if (!message.ok) return this.finish("not accepted");
    clearTimeout(this.authTimer);
    this.isIn = true;
    this.party.welcomed();
  }

  private finish(ending: Ending): void {
    if (this.isOver) return;
    this.end();
    this.party.over(ending);
  }
}
