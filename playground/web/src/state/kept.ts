/** Structural sharing: of a new value, the parts that equal the old value's are the old objects. */

export function kept<T>(old: unknown, fresh: T): T {
  if (Object.is(old, fresh) || typeof old !== typeof fresh || old === null || fresh === null) return fresh;
  if (Array.isArray(fresh) && Array.isArray(old)) return keptList(old, fresh) as T;
  if (typeof fresh === "object" && !Array.isArray(fresh) && !Array.isArray(old)) {
    return keptRecord(old as Record<string, unknown>, fresh as Record<string, unknown>) as T;
  }
  return fresh;
}

function keptRecord(old: Record<string, unknown>, fresh: Record<string, unknown>): Record<string, unknown> {
  const names = Object.keys(fresh);
  const found: Record<string, unknown> = {};
  let same = names.length === Object.keys(old).length;
  for (const name of names) {
    found[name] = kept(old[name], fresh[name]);
    same &&= name in old && Object.is(found[name], old[name]);
  }
  return same ? old : found;
}

function keptList(old: unknown[], fresh: unknown[]): unknown[] {
  const found = fresh.map((one, at) => kept(old[at], one));
  return found.length === old.length && found.every((one, at) => Object.is(one, old[at])) ? old : found;
}
