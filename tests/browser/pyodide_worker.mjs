// The page's own worker in Node: node pyodide_worker.mjs browser.js PYODIDE WHEEL < blocks.json
// Takes a list of blocks of code, prints the list of the worker's answers.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [script, pyodide, wheel] = process.argv.slice(2);
const blocks = JSON.parse(fs.readFileSync(0, "utf8"));

globalThis.self = globalThis;
globalThis.fetch = async (path) => ({ ok: true, arrayBuffer: async () => new Uint8Array(fs.readFileSync(path)).buffer });
const ask = (data) =>
  new Promise((resolve) => {
    globalThis.postMessage = resolve;
    globalThis.onmessage({ data });
  });

await import(pathToFileURL(script).href);
const answers = [await ask({ start: { pyodide, wheel } })];
if (answers[0].ready) for (const [index, code] of blocks.entries()) answers.push(await ask({ number: index + 1, code }));
fs.writeFileSync(1, JSON.stringify(answers));
process.exit(0);
