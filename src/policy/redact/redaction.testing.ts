import type { JsonObject, JsonValue } from "../../protocol/json-value.ts";
import { parseJsonPath } from "./json-path.ts";
import { KnownSecrets } from "./known-secrets.ts";
import { Redaction } from "./redaction.ts";
import { KNOWN_SECRET_NAMES, SecretNames } from "./secret-names.ts";

/** For the tests of this folder. */
export const secrecyOf = (...paths: string[]) => ({
  names: new SecretNames([...KNOWN_SECRET_NAMES, "ssn", "X-Inner*"]),
  paths: paths.map((path) => parseJsonPath(path) ?? []),
});
export const redacted = (value: JsonValue, part = "arguments", schema?: JsonObject, ...paths: string[]) =>
  new Redaction("redacted", secrecyOf(...paths), []).part(part, value, schema && { schema, root: schema });
export const full = (value: JsonValue, known: readonly string[] = []) =>
  new Redaction("full", secrecyOf(), [new KnownSecrets(known)]).part("result", value);

/** One of each kind; none was ever valid. */
export const CREDENTIALS = {
  "a key of this gateway": `mgw_${"A1b2".repeat(9)}zz`,
  "a JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_x",
  "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----",
  "an AWS key": "AKIAIOSFODNN7EXAMPLE",
  "a GitHub token": `ghp_${"a1B2".repeat(9)}`,
  "a Slack token": ["xoxb", "123456789012", "abcdefABCDEF"].join("-"),
  "a Stripe key": ["sk", "live", "4eC39HqLyjWDarjtT1zdp7dc"].join("_"),
  "a model provider's key": "sk-ant-api03-abcdefghijklmnop",
};
