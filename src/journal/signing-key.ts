import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { chmodSync, linkSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Ed25519 pair of one installation: all its chains sign their checkpoints with it. */
export interface SigningKey {
  /** First 16 hex digits of the SHA-256 of the public key (SPKI, DER). */
  readonly id: string;
  readonly publicKey: KeyObject;
  sign(text: string): string;
}

export function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex").slice(0, 16);
}

export function signatureHolds(publicKey: KeyObject, text: string, signature: string): boolean {
  try {
    return verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

function fromPrivate(privateKey: KeyObject): SigningKey {
  const publicKey = createPublicKey(privateKey);
  return {
    id: keyIdOf(publicKey),
    publicKey,
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString("base64"),
  };
}

/** PKCS#8 frame of an Ed25519 seed (RFC 8410 section 7). */
const pkcs8Frame = Buffer.from("302e020100300506032b657004220420", "hex");

/** The key that a master secret derives; nothing secret is written to disk. */
export function deriveSigningKey(secret: Uint8Array): SigningKey {
  const seed = Buffer.from(hkdfSync("sha256", secret, Buffer.alloc(0), "mcp-gateway journal checkpoint", 32));
  return fromPrivate(
    createPrivateKey({ key: Buffer.concat([pkcs8Frame, seed]), format: "der", type: "pkcs8" }),
  );
}

/** The key in `<dir>/signing-key.pem` (mode 0600), made on first use; several processes may start at once. */
export function openSigningKey(dir: string): SigningKey {
  const path = join(dir, "signing-key.pem");
  const existing = readIfThere(path);
  if (existing !== undefined) return fromPrivate(createPrivateKey(existing));
  const { privateKey } = generateKeyPairSync("ed25519");
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600, flush: true });
  try {
    linkSync(draft, path); // link, not rename: the first process wins and nobody's key is replaced
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== "EEXIST") throw failure;
  } finally {
    unlinkSync(draft);
  }
  return fromPrivate(createPrivateKey(readFileSync(path)));
}

/** Keeps `<dir>/public-key.pem` for `audit verify`; a careful auditor has a copy from elsewhere. */
export function publishPublicKey(dir: string, key: SigningKey): void {
  const path = join(dir, "public-key.pem");
  const pem = key.publicKey.export({ type: "spki", format: "pem" }).toString();
  if (readIfThere(path)?.toString() === pem) return;
  writeFileSync(path, pem, { mode: 0o644 });
  chmodSync(path, 0o644);
}

export function readPublicKey(dir: string): KeyObject | undefined {
  const pem = readIfThere(join(dir, "public-key.pem"));
  return pem === undefined ? undefined : createPublicKey(pem);
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw failure;
  }
}

/** What a checkpoint signs. */
export function checkpointText(chainId: string, atSequence: number, atLink: string): string {
  return `mcp-gateway journal checkpoint 1\n${chainId}\n${atSequence}\n${atLink}`;
}
