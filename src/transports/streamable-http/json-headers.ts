/** The one header that every answer has of its own. */
const ID = "x-request-id";
const JSON_TYPE = { "content-type": "application/json" };

let standing = new Headers();
let values: Readonly<Record<string, string>> = {};
let count = -1;

/**
 * The headers of a JSON answer, for `Response` to copy at once: the next call changes them. Most answers differ in nothing
 * but their correlation id; what they have alike is checked once and then copied, at half the cost of a record, whose
 * names and values a `Response` checks one by one.
 * @param common what every answer to this request has
 * @param own what this one has besides
 */
export function jsonHeaders(
  common: Readonly<Record<string, string>>,
  own?: Readonly<Record<string, string>>,
): Headers {
  if (own !== undefined) return new Headers({ ...JSON_TYPE, ...common, ...own });
  let names = 0;
  let isSame = true;
  for (const name in common) {
    names++;
    if (name !== ID && values[name] !== common[name]) isSame = false;
  }
  if (!isSame || names !== count) {
    standing = new Headers({ ...JSON_TYPE, ...common });
    values = { ...common };
    count = names;
    return standing;
  }
  const id = common[ID];
  if (id !== undefined) standing.set(ID, id);
  return standing;
}
