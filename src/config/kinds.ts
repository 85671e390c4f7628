import { isIP } from "node:net";
import { SLUG_PATTERN } from "../model/naming.ts";
import { OutboundGuard } from "../net/outbound-guard.ts";
import { parseJsonPath } from "../policy/redact/json-path.ts";
import { type Kind, Refusal } from "./field.ts";
import { nearest } from "./problem.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

export const text: Kind<string> = {
  name: "text",
  read: (value) => (isPlain(value) ? String(value) : new Refusal("text")),
};

export const filledText: Kind<string> = {
  name: "text",
  read: (value) =>
    isPlain(value) && String(value).trim() !== "" ? String(value) : new Refusal("text that is not empty"),
};

export const boolean: Kind<boolean> = {
  name: "true or false",
  read(value) {
    if (typeof value === "boolean") return value;
    const spelled = typeof value === "string" ? value.trim().toLowerCase() : "";
    if (["true", "yes", "on", "1"].includes(spelled)) return true;
    if (["false", "no", "off", "0"].includes(spelled)) return false;
    return new Refusal("true or false");
  },
};

export function integer(min: number, max: number): Kind<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return {
    name: `number ${range}`,
    read(value) {
      const number = typeof value === "string" && /^\d+$/.test(value.trim()) ? Number(value) : value;
      if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max)
        return number;
      return new Refusal(`a whole number ${range}`);
    },
  };
}

export const port = integer(0, 65_535);
export const count = integer(1, Number.MAX_SAFE_INTEGER);

/** How many, or `auto`: as many as the machine has processors for us. */
export const countOrAuto: Kind<number | "auto"> = {
  name: "number from 1 to 64, or auto",
  read(value) {
    if (value === "auto") return value;
    const number = integer(1, 64).read(value);
    return number instanceof Refusal ? new Refusal("a whole number from 1 to 64, or auto") : number;
  },
};

export function duration(minMs = 0): Kind<number> {
  return {
    name: "duration",
    read(value) {
      if (value === 0 && minMs === 0) return 0;
      const ms = typeof value === "string" ? parseDuration(value.trim()) : undefined;
      if (ms === undefined) {
        const bare = typeof value === "number" || (typeof value === "string" && /^\d+$/.test(value));
        const fix = bare ? `add the unit: "${value}s" for seconds, "${value}ms" for milliseconds` : "";
        return new Refusal('a duration such as "30s", "5m" or "1h30m"', fix);
      }
      return ms >= minMs ? ms : new Refusal(`a duration of at least ${formatDuration(minMs)}`);
    },
    write: formatDuration,
  };
}

export function size(minBytes = 0): Kind<number> {
  return {
    name: "size",
    read(value) {
      const bytes = isPlain(value) ? parseSize(String(value).trim()) : undefined;
      if (bytes === undefined) return new Refusal('a size such as "512KiB" or "4MiB"');
      return bytes >= minBytes ? bytes : new Refusal(`a size of at least ${formatSize(minBytes)}`);
    },
    write: formatSize,
  };
}

export function oneOf<const T extends string>(...choices: readonly T[]): Kind<T> {
  const name = `one of ${choices.join(", ")}`;
  return {
    name,
    read(value) {
      const chosen = choices.find((choice) => choice === value);
      if (chosen !== undefined) return chosen;
      const near = typeof value === "string" ? nearest(value, choices) : undefined;
      return new Refusal(name, near === undefined ? "" : `did you mean "${near}"?`);
    },
  };
}

export const slug: Kind<string> = {
  name: "slug",
  read(value) {
    if (typeof value === "string" && SLUG_PATTERN.test(value)) return value;
    const near = isPlain(value)
      ? String(value)
          .toLowerCase()
          .replace(/[^a-z0-9-]+/g, "-")
          .slice(0, 32)
      : "";
    const fix = near === "" ? "" : `"${near}" would do`;
    return new Refusal("1 to 32 lower-case letters, digits and hyphens", fix);
  },
};

/** An absolute URL with one of the schemes (`http:`), without a fragment; kept as written but for a slash at its end. */
export function url(...schemes: readonly string[]): Kind<string> {
  const name = `${schemes.map((scheme) => scheme.slice(0, -1)).join(" or ")} URL`;
  return {
    name,
    read(value) {
      const written = typeof value === "string" ? value.trim() : "";
      const parsed = URL.canParse(written) ? new URL(written) : undefined;
      if (parsed && schemes.includes(parsed.protocol) && parsed.hash === "") return written;
      const hostAlone = /^[\w.-]+(:\d+)?(\/|$)/.test(written) && !written.includes("://");
      const fix = hostAlone ? `write ${schemes[0]}//${written}` : "";
      return new Refusal(`an ${name}`.replace("an post", "a post"), fix);
    },
  };
}

/** Host name, IPv4 or IPv6 address, without scheme, port or path. */
export const host: Kind<string> = {
  name: "host name or address",
  read(value) {
    const name = typeof value === "string" ? value.trim().replace(/^\[(.*)\]$/, "$1") : "";
    if (isIP(name) !== 0 || isHostName(name)) return name.toLowerCase();
    const inUrl = URL.canParse(name) ? new URL(name).hostname : "";
    return new Refusal(
      "a host name or address without scheme, port or path",
      inUrl === "" ? "" : `write ${inUrl}`,
    );
  },
};

export const addressRange: Kind<string> = {
  name: "address or CIDR range",
  read(value) {
    const range = typeof value === "string" ? value.trim() : "";
    const [address = "", prefix, ...rest] = range.split("/");
    const bits = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1;
    const prefixFits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
    if (bits > 0 && rest.length === 0 && prefixFits) return range;
    return new Refusal('an address or CIDR range such as "10.0.0.0/8"');
  },
};

/** What the outbound guard takes: `loopback`, `private`, an address, a CIDR range, a host name or `*.suffix`. */
export const outboundTarget: Kind<string> = {
  name: "loopback, private, address, CIDR range, host name or *.suffix",
  read(value) {
    const target = typeof value === "string" ? value.trim() : "";
    try {
      new OutboundGuard([target]);
      return target;
    } catch {
      const named = URL.canParse(target) ? new URL(target).hostname : "";
      const fix = named === "" ? "" : `write ${named}`;
      return new Refusal('"loopback", "private", an address, a CIDR range, a host name or "*.suffix"', fix);
    }
  },
};

export const origin: Kind<string> = {
  name: "origin",
  read(value) {
    const written = typeof value === "string" ? value.trim() : "";
    if (written === "*")
      return new Refusal('an origin such as "https://app.example.com"', "name each origin");
    const parsed = URL.canParse(written) ? new URL(written) : undefined;
    if (parsed && written.replace(/\/$/, "") === `${parsed.protocol}//${parsed.host}`)
      return written.replace(/\/$/, "");
    const fix = parsed?.host ? `write ${parsed.protocol}//${parsed.host}` : "";
    return new Refusal('an origin such as "https://app.example.com"', fix);
  },
};

/** `host:port`, `[::1]:9090` or a port alone (on loopback). */
export const listenAddress: Kind<{ readonly host: string; readonly port: number }> = {
  name: "host:port",
  read(value) {
    const written = isPlain(value) ? String(value).trim() : "";
    const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(written);
    const name = match?.[1] ?? match?.[2] ?? "127.0.0.1";
    const number = Number(match?.[3]);
    if (match && number <= 65_535 && host.read(name) === name.toLowerCase())
      return { host: name, port: number };
    return new Refusal('an address such as "127.0.0.1:9090"');
  },
  write: (value) =>
    value.host.includes(":") ? `[${value.host}]:${value.port}` : `${value.host}:${value.port}`,
};

/** A YAML list, or a text with commas (as environment variables have it). */
export function listOf<T>(item: Kind<T>, itemsName = `list of ${item.name}`): Kind<readonly T[]> {
  return {
    name: itemsName,
    read(value) {
      const items =
        typeof value === "string"
          ? value
              .split(",")
              .map((part) => part.trim())
              .filter((part) => part !== "")
          : value;
      if (!Array.isArray(items)) return new Refusal(itemsName);
      const result: T[] = [];
      for (const [index, element] of items.entries()) {
        const read = item.read(element);
        if (read instanceof Refusal) return new Refusal(read.expected, read.fix, index);
        result.push(read);
      }
      return result;
    },
    write: (items) => items.map((element) => (item.write ? item.write(element) : element)),
  };
}

/** Command arguments and globs: a YAML list only, since a comma may be part of one. */
export const textList: Kind<readonly string[]> = {
  name: "list of text",
  read(value) {
    if (!Array.isArray(value)) return new Refusal("a list of text", 'write it as ["…", "…"]');
    const bad = value.findIndex((element) => !isPlain(element));
    return bad < 0 ? value.map(String) : new Refusal("text", "", bad);
  },
};

export const jsonPath: Kind<string> = {
  name: "JSON path",
  read: (value) =>
    typeof value === "string" && parseJsonPath(value) !== undefined
      ? value
      : new Refusal("a path such as `$.arguments.user.ssn` or `$..ssn`"),
};

export const textMap: Kind<Readonly<Record<string, string>>> = {
  name: "map of text",
  read(value) {
    if (!isMap(value)) return new Refusal("a map of names to text");
    const bad = Object.keys(value).find((key) => !isPlain(value[key]));
    if (bad !== undefined) return new Refusal("text", "put the value in quotes", bad);
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, String(member)]));
  },
};

export const anyMap: Kind<Readonly<Record<string, unknown>>> = {
  name: "map",
  read: (value) => (isMap(value) ? value : new Refusal("a map")),
};

export function isLoopbackHost(name: string): boolean {
  const bare = name.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return (
    bare === "localhost" ||
    bare === "::1" ||
    (isIP(bare) === 4 && bare.startsWith("127.")) ||
    bare.endsWith(".localhost")
  );
}

function isPlain(value: unknown): value is string | number | boolean {
  return (
    typeof value === "string" ||
    typeof value === "boolean" ||
    (typeof value === "number" && Number.isFinite(value))
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isHostName(name: string): boolean {
  return name.length <= 253 && /^(?!-)[a-z0-9-_]{1,63}(\.[a-z0-9-_]{1,63})*\.?$/i.test(name);
}
