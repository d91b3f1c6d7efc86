/**
 * Where the releases of a build are: FOLD_RELEASES, or what a GitHub workflow says of its repository; undefined where
 * neither is set.
 */
export function releasesAddress(): string | undefined {
  const { FOLD_RELEASES, GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env;
  const address = FOLD_RELEASES || (GITHUB_REPOSITORY && `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/releases`);
  // It is put into shell scripts.
  if (address && !/^[\w.~:/@[\]-]+$/.test(address)) throw new Error(`this is no address of releases: ${address}`);
  return address || undefined;
}
