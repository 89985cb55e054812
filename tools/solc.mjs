#!/usr/bin/env node
// solc as an executable, for py-solc-x: the compiler is npm's, so the lock file pins it like
// everything else. Answers the two calls py-solc-x makes, `--version` and `--standard-json`.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const version = "0.8.30";
const solc = createRequire(import.meta.url)(`solc-${version}`);
const args = process.argv.slice(2);

if (args.includes("--version")) {
  // py-solc-x reads the version from a line shaped like the native compiler's.
  const line = solc.version().replace(".Emscripten.clang", ".Linux.g++");
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${line}\n`);
} else if (args.includes("--standard-json")) {
  const at = args.indexOf("--base-path");
  const base = at >= 0 ? args[at + 1] : ".";
  const read = (path) => {
    try {
      return { contents: readFileSync(resolve(base, path), "utf8") };
    } catch (error) {
      return { error: String(error) };
    }
  };
  const input = readFileSync(0, "utf8");
  process.stdout.write(solc.compile(input, { import: read }));
} else {
  process.stderr.write("solc.mjs answers --version and --standard-json only\n");
  process.exit(2);
}
