#!/usr/bin/env node
// Mutation testing: breaks the contracts one place at a time, and asks the forge tests whether they notice.
//
//   node tools/mutate.mjs FORGE OUT [COUNT] [SEED] [SHARD/SHARDS]
//
// Every mutant is one change to the syntax tree of one contract, drawn from all there are with a seed. It is compiled in
// this process, where the compiler is warm, and only into the contracts that the change reaches; the tests are compiled once,
// and make their contracts from the code in the folder that RINGSIDE_CODE names. A mutant that does not compile, or compiles
// to the same code, is none. OUT gets a line for each: verdict, place, change.
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const solc = createRequire(import.meta.url)("solc-0.8.30");
const [forge, out, count = "320", seed = "1", shard = "0/1"] = process.argv.slice(2);
const [mine, shards] = shard.split("/").map(Number);

// Which contracts the tests make, and what each mutated file goes into.
const DESK = ["Desk", "Bundles"];
const SEATS = ["ScriptedSeat", "ScriptedDelayedSeat"];
const REACH = {
  "contracts/Vault.sol": ["Vault"],
  "contracts/vault/Accounts.sol": ["Vault"],
  "contracts/Desk.sol": ["Desk"],
  "contracts/Bundles.sol": ["Bundles"],
  "contracts/desk/Book.sol": DESK,
  "contracts/desk/Fills.sol": DESK,
  "contracts/desk/Prices.sol": DESK,
  "contracts/seats/Seat.sol": SEATS,
  "contracts/seats/InstantSeat.sol": ["ScriptedSeat"],
  "contracts/seats/DelayedSeat.sol": ["ScriptedDelayedSeat"],
  "contracts/seats/PerpV2Seat.sol": ["PerpV2Seat"],
  "contracts/seats/RageSeat.sol": ["RageSeat"],
  "contracts/libraries/RageStorage.sol": ["RageSeat"],
  "contracts/seats/SynthetixSeat.sol": ["SynthetixSeat"],
};
// Judged on the real venues, the others on stand-ins.
const REAL = ["PerpV2Seat", "RageSeat", "SynthetixSeat"];
const HOME = {
  ScriptedSeat: "tests/forge/StandIns.sol",
  ScriptedDelayedSeat: "tests/forge/StandIns.sol",
  ...Object.fromEntries(REAL.map((seat) => [seat, `contracts/seats/${seat}.sol`])),
};
const ALL = [
  "Access", "Board", "Bundles", "Desk", "FeeTakingToken", "Lens", "LocalUSDC", "Policies", "Quotes",
  "ScriptedDelayedSeat", "ScriptedSeat", "StandInFeed", "Vault", "Venues", ...REAL,
];
const SWAP = {
  "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"],
  "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
  "==": ["!="], "!=": ["=="], "&&": ["||"], "||": ["&&"],
  "&": ["|"], "|": ["&"], "<<": [">>"], ">>": ["<<"],
};
const RENAME = {
  min: "max", max: "min", saturatingAdd: "saturatingSub", saturatingSub: "saturatingAdd", Ceil: "Floor",
};

const path = (name) => resolve(name.startsWith("@openzeppelin/") ? `node_modules/${name}` : name);
const read = (name) => readFileSync(path(name), "utf8");

function compile(changed, contracts, selection) {
  const sources = Object.fromEntries(Object.entries(changed).map(([k, v]) => [k, { content: v }]));
  for (const c of contracts) sources[HOME[c] ?? `contracts/${c}.sol`] ??= { content: read(HOME[c] ?? `contracts/${c}.sol`) };
  const outputSelection = {};
  for (const c of contracts) (outputSelection[HOME[c] ?? `contracts/${c}.sol`] ??= {})[c] = selection;
  if (selection[0] === "ast") outputSelection["*"] = { "": ["ast"] };
  const settings = { evmVersion: "cancun", outputSelection };
  const input = { language: "Solidity", sources, settings };
  const answer = JSON.parse(
    solc.compile(JSON.stringify(input), {
      import: (name) => ({ contents: changed[name] ?? read(name) }),
    }),
  );
  const error = answer.errors?.find((e) => e.severity === "error");
  return error ? null : answer;
}

// ------------------------------------------------------------------ candidates

function mutants(file, text, tree) {
  const bytes = Buffer.from(text);
  const found = [];
  const span = (node) => {
    const [at, length] = node.src.split(":").map(Number);
    return [at, at + length];
  };
  const cut = ([from, to]) => bytes.subarray(from, to).toString();
  const add = (from, to, by) => {
    const line = bytes.subarray(0, from).toString().split("\n").length;
    found.push({ file, line, from, to, by, was: cut([from, to]) });
  };
  const between = (a, b, operator) => {
    const [from, to] = [span(a)[1], span(b)[0]];
    const at = cut([from, to]).indexOf(operator);
    return at < 0 ? null : [from + at, from + at + operator.length];
  };
  const visit = (node, inside) => {
    if (Array.isArray(node)) return node.forEach((n) => visit(n, inside));
    if (!node || typeof node !== "object") return;
    const kind = node.nodeType;
    if (kind === "StructDefinition" || kind === "EventDefinition" || kind === "ErrorDefinition") return;
    if (kind === "VariableDeclaration" && node.stateVariable) return;
    if (kind === "ModifierInvocation" && node.modifierName?.name === "nonReentrant") add(...span(node), "");
    if (kind === "ModifierInvocation" && node.modifierName?.name === "onlyVault") add(...span(node), "");
    if (kind === "BinaryOperation") {
      const at = between(node.leftExpression, node.rightExpression, node.operator);
      if (at) for (const by of SWAP[node.operator] ?? []) add(...at, by);
    }
    if (kind === "UnaryOperation" && ["!", "-", "~"].includes(node.operator)) {
      const [from] = span(node);
      add(from, from + 1, node.operator === "!" ? "!!" : "");
    }
    if (kind === "Literal" && node.kind === "bool") add(...span(node), node.value === "true" ? "false" : "true");
    if (kind === "Literal" && node.kind === "number") add(...span(node), `(${cut(span(node))} + 1)`);
    if (kind === "Conditional") {
      const [a, b] = [span(node.trueExpression), span(node.falseExpression)];
      add(a[0], b[1], `${cut(b)} : ${cut(a)}`);
    }
    if (kind === "IfStatement") add(...span(node.condition), `!(${cut(span(node.condition))})`);
    if (kind === "MemberAccess" && RENAME[node.memberName]) {
      const [, to] = span(node);
      add(to - node.memberName.length, to, RENAME[node.memberName]);
    }
    if (kind === "FunctionCall" && node.expression.memberName === "ceilDiv") {
      const [a, b] = node.arguments.map((n) => cut(span(n)));
      add(...span(node), `((${a}) / (${b}))`);
    }
    if (kind === "Assignment" && node.operator.length === 2) {
      const at = between(node.leftHandSide, node.rightHandSide, node.operator);
      const by = { "+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=" }[node.operator];
      if (at && by) add(...at, by);
    }
    if (kind === "EmitStatement") add(...span(node), "{}");
    if (kind === "ExpressionStatement") {
      const call = node.expression;
      const required = call.nodeType === "FunctionCall" && call.expression.name === "require";
      if (required) add(...span(call.arguments[0]), "true");
      else add(...span(node), "{}");
    }
    for (const [name, value] of Object.entries(node)) {
      if (name !== "src" && value && typeof value === "object") visit(value, node);
    }
  };
  visit(tree, null);
  return found;
}

function random(state) {
  // Mulberry32: small, and the same everywhere.
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const trees = compile({}, ALL.filter((c) => !["FeeTakingToken", "LocalUSDC", "StandInFeed"].includes(c)), ["ast"]);
const texts = Object.fromEntries(Object.keys(REACH).map((file) => [file, read(file)]));
const all = Object.keys(REACH).flatMap((file) => mutants(file, texts[file], trees.sources[file].ast));
const draw = random(Number(seed));
for (let i = all.length - 1; i > 0; --i) {
  const j = Math.floor(draw() * (i + 1));
  [all[i], all[j]] = [all[j], all[i]];
}

// ------------------------------------------------------------------- judgement

// Tests read the code of every contract from a folder: that of the others is what forge compiled.
const folder = `build/mutants/${mine}`;
const sound = `build/mutants/sound-${mine}`;
rmSync(folder, { recursive: true, force: true });
mkdirSync(sound, { recursive: true });
const artifacts = Object.fromEntries(
  readdirSync("build/forge/out").flatMap((dir) =>
    readdirSync(`build/forge/out/${dir}`).map((file) => [file.replace(".json", ""), `build/forge/out/${dir}/${file}`]),
  ),
);
for (const name of ALL) {
  const artifact = JSON.parse(readFileSync(artifacts[name], "utf8"));
  writeFileSync(`${sound}/${name}`, artifact.bytecode.object);
}
const TESTS = {
  real: ["--match-contract", "RealVenues"],
  others: ["--no-match-contract", "InvariantsTest|RealVenues|POC"],
};
const judge = (code, tests) =>
  spawnSync(forge, ["test", "--fail-fast", ...TESTS[tests]], {
    env: { ...process.env, RINGSIDE_CODE: code },
    encoding: "utf8",
    timeout: 300_000,
  });
for (const tests of Object.keys(TESTS)) {
  const clean = judge(sound, tests);
  const passed = Number(/(\d+) tests passed/.exec(clean.stdout)?.[1] ?? 0);
  if (clean.status !== 0 || !passed || / [1-9]\d* skipped \(/.test(clean.stdout))
    throw new Error(`the tests fail, or are left out, without a mutant:\n${clean.stdout}${clean.stderr}`);
}
const unchanged = {};
for (const [file, contracts] of Object.entries(REACH)) {
  const answer = compile({ [file]: texts[file] }, contracts, ["evm.bytecode.object"]);
  for (const c of contracts) unchanged[`${file}:${c}`] = answer.contracts[HOME[c] ?? `contracts/${c}.sol`][c].evm.bytecode.object.slice(0, -108);
}

let [judged, killed] = [0, 0];
const most = Math.ceil(Number(count) / shards);
for (let i = mine; i < all.length && judged < most; i += shards) {
  const m = all[i];
  const bytes = Buffer.from(texts[m.file]);
  const text = Buffer.concat([bytes.subarray(0, m.from), Buffer.from(m.by), bytes.subarray(m.to)]).toString();
  const contracts = REACH[m.file];
  const answer = compile({ [m.file]: text }, contracts, ["evm.bytecode.object"]);
  if (!answer) continue;
  cpSync(sound, folder, { recursive: true });
  let differs = false;
  for (const c of contracts) {
    const code = answer.contracts[HOME[c] ?? `contracts/${c}.sol`][c].evm.bytecode.object;
    // Without the hash of the source at its end.
    if (code.slice(0, -108) !== unchanged[`${m.file}:${c}`]) differs = true;
    writeFileSync(`${folder}/${c}`, `0x${code}`);
  }
  if (!differs) continue;
  const verdict = judge(folder, REAL.includes(contracts[0]) ? "real" : "others");
  if (verdict.status === null) throw new Error(`the tests did not end: ${m.file}:${m.line}`);
  const dead = verdict.status !== 0;
  ++judged;
  if (dead) ++killed;
  const by = dead ? (/\[FAIL.*\] (\w+)\(/.exec(verdict.stdout)?.[1] ?? "") : "";
  const flat = (s) => s.replace(/\s+/g, " ").slice(0, 120);
  appendFileSync(
    out,
    `${JSON.stringify({ dead, file: m.file, line: m.line, was: flat(m.was), by: flat(m.by), test: by })}\n`,
  );
}
process.stdout.write(`${judged} mutants of ${all.length} places, ${killed} killed\n`);
