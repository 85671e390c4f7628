/** How policies name people, keys and what they have in common. */
export function isSubject(text: string): boolean {
  if (text === "*") return true;
  const match = /^(user|key|client|role|group):(.{1,256})$/su.exec(text);
  if (match === null) return false;
  return match[1] !== "role" || ROLES.has(match[2] as string);
}

const ROLES = new Set(["admin", "user", "viewer", "api_user"]);
