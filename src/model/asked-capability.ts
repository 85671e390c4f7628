import { asObject, type JsonObject } from "../protocol/json-value.ts";
import type { InputRequest } from "./call.ts";

/** What a client would have had to declare for this question (its revision's client features), or `undefined`. */
export function lackingCapability(
  { method, params }: InputRequest,
  declared: JsonObject,
): string | undefined {
  switch (method) {
    case "elicitation/create": {
      const elicitation = asObject(declared.elicitation);
      const mode = params.mode === "url" ? "url" : "form";
      if (elicitation === undefined) return "elicitation";
      // An empty capability means forms.
      const knows = elicitation[mode] !== undefined || (mode === "form" && elicitation.url === undefined);
      return knows ? undefined : `elicitation.${mode}`;
    }
    case "sampling/createMessage": {
      const sampling = asObject(declared.sampling);
      if (sampling === undefined) return "sampling";
      return params.tools !== undefined && sampling.tools === undefined ? "sampling.tools" : undefined;
    }
    case "roots/list":
      return asObject(declared.roots) === undefined ? "roots" : undefined;
    default:
      return method;
  }
}
