import { GatewayError } from "../../errors/gateway-error.ts";

/** OWASP's argon2id minimum for 19 MiB: about 30 ms of one core. */
const ARGON2ID = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
const CURRENT = /^\$argon2id\$v=19\$m=19456,t=2,/;
/** At once: hashing is what an attacker makes us do. */
const RUNNING_MAX = 2;
const WAITING_MAX = 64;
export const PASSWORD_CHARS_MIN = 12;
/** Longer is no password but work for an attacker's benefit. */
export const PASSWORD_CHARS_MAX = 256;

export interface PasswordVerdict {
  readonly isRight: boolean;
  /** The hash to keep from now on, where the old one was of a weaker kind. */
  readonly renewedHash: string | undefined;
}

/** Passwords: argon2id, bcrypt verified and replaced at the next sign-in; two at a time, 64 waiting. */
export class Passwords {
  /** Of no password: looked at where there is no user, so that the time tells nothing. */
  readonly #decoy: Promise<string>;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor() {
    this.#decoy = Bun.password.hash(crypto.randomUUID(), ARGON2ID);
  }

  /** @throws GatewayError `overloaded` */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => Bun.password.hash(password, ARGON2ID));
  }

  /**
   * @param hash `null` where there is no such user, or one without a password: takes as long, and is never right.
   * @throws GatewayError `overloaded`
   */
  async verify(password: string, hash: string | null): Promise<PasswordVerdict> {
    const compared = hash ?? (await this.#decoy);
    const matches = await this.#inTurn(() => Bun.password.verify(password, compared).catch(() => false));
    const isRight = matches && hash !== null;
    const renewedHash = isRight && !CURRENT.test(compared) ? await this.hash(password) : undefined;
    return { isRight, renewedHash };
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    if (this.#running >= RUNNING_MAX) {
      if (this.#waiting.length >= WAITING_MAX) throw new GatewayError("overloaded");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    try {
      return await act();
    } finally {
      // The place is handed on, not freed, so that nobody slips in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

/** A password to be shown once: 20 characters, 119 bits, none of which are taken for another. */
export function newPassword(): string {
  const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_!+*.=@";
  let password = "";
  while (password.length < 20) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32)))
      if (byte < letters.length * 3 && password.length < 20) password += letters[byte % letters.length];
  }
  return password;
}
