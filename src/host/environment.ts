/** The host's environment variables, where the runtime has any. */

/** A variable's value, or undefined in browsers and for names that are not set. */
export function hostEnvironment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
  const env = process?.env
  return env && Object.hasOwn(env, name) ? env[name] : undefined
}
