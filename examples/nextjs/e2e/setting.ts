/** An environment variable of `make example`. */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; \`make example\` sets it`);
  return value;
}
