// The tour in the browser: the page's Python blocks become cells, run by Pyodide in a worker.
// One file for both sides, so that the page has one script. Nothing is fetched before the reader
// presses "Start Python".
"use strict";

// What a cell runs in. Lines are registered, so that chainrule finds the names used in them.
const RUNNER = `
import ast, contextlib, io, json, linecache, time, traceback
from pathlib import Path
import numpy, chainrule

NAMES = {"__name__": "__main__"}

def pictures():
    return {path.name: path.stat().st_mtime_ns for path in Path().glob("*.svg")}

def run(code, number):
    name = f"<block {number}>"
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)
    before, error, printed = pictures(), None, io.StringIO()
    begin = time.perf_counter()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            tree = ast.parse(code, name)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, name, "exec"), NAMES)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), name, "eval"), NAMES)
                # A block that prints says what it has to say.
                if value is not None and not printed.getvalue():
                    print(repr(value))
        except BaseException as raised:
            trace = raised.__traceback__
            while trace is not None and trace.tb_frame.f_code.co_filename != name:
                trace = trace.tb_next
            error = "".join(traceback.format_exception(type(raised), raised, trace))
    drawn = [path for path, time_ in pictures().items() if before.get(path) != time_]
    return json.dumps({
        "printed": printed.getvalue(), "error": error, "seconds": time.perf_counter() - begin,
        "pictures": [{"name": each, "svg": Path(each).read_text("utf-8")} for each in drawn],
    })
`;

if (typeof document === "undefined") {
  // ---- The worker: {start: {pyodide, wheel}} and {number, code} come in, answers go out.
  let run;
  const start = async ({ pyodide, wheel }) => {
    const { loadPyodide } = await import(`${pyodide}pyodide.mjs`);
    const runtime = await loadPyodide({ indexURL: pyodide });
    await runtime.loadPackage("numpy", { messageCallback() {} });
    const answer = await fetch(wheel);
    if (!answer.ok) throw new Error(`${wheel} answers ${answer.status}`);
    runtime.unpackArchive(await answer.arrayBuffer(), "wheel");
    runtime.runPython(RUNNER);
    run = runtime.globals.get("run");
  };
  self.onmessage = async ({ data }) => {
    try {
      if (data.start) {
        await start(data.start);
        self.postMessage({ ready: true });
      } else self.postMessage(JSON.parse(run(data.code, data.number)));
    } catch (error) {
      self.postMessage({ failed: String((error && error.message) || error) });
    }
  };
} else {
  // ---- The page.
  const script = document.currentScript.src;
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const bar = document.getElementById("python");
  const address = (name) => new URL(bar.dataset[name], document.baseURI).href;
  const place = () => (new URL(address("pyodide")).host === location.host ? "this site" : new URL(address("pyodide")).host);
  const button = (text, onclick) => make("button", { type: "button", className: "md-button", textContent: text, onclick });
  const said = make("p");
  said.setAttribute("role", "status");
  let worker = null;
  let answered = null; // takes the worker's next answer
  let busy = false;

  const ask = (message) =>
    new Promise((resolve, reject) => {
      answered = { resolve, reject };
      worker.postMessage(message);
    });

  const stop = (why) => {
    if (!worker) return;
    worker.terminate();
    worker = null;
    for (const cell of cells) cell.fresh = false;
    show(false);
    said.textContent = why;
    answered?.reject(new Error(why));
  };

  const start = async () => {
    startButton.hidden = true;
    said.textContent = `Fetching Python, NumPy and chainrule from ${place()} …`;
    worker = new Worker(script, { type: "module" });
    worker.onmessage = ({ data }) =>
      data.failed === undefined ? answered.resolve(data) : answered.reject(new Error(data.failed));
    worker.onerror = (event) => answered.reject(new Error(event.message || "the worker did not start"));
    const begin = performance.now();
    try {
      await ask({ start: { pyodide: address("pyodide"), wheel: address("wheel") } });
    } catch (error) {
      stop(`Python did not start: ${error.message}`);
      return;
    }
    cells.forEach((cell) => cell.open());
    show(true);
    said.textContent = `Python is ready, after ${seconds((performance.now() - begin) / 1000)}. Change a block and run it: Shift+Enter goes on to the next one, Ctrl+Enter stays.`;
    allButton.focus();
  };

  const seconds = (value) => (value < 0.1 ? `${(1000 * value).toFixed(0)} ms` : `${value.toFixed(1)} s`);

  const startButton = button("Start Python", start);
  const allButton = button("Run all", () => runUpTo(cells.length - 1, 0));
  const stopButton = button("Stop Python", () => stop("Python has stopped; what it had computed is gone."));
  const show = (running) => {
    startButton.hidden = running;
    allButton.hidden = stopButton.hidden = !running;
    for (const cell of cells) if (cell.button) cell.button.hidden = !running;
  };

  // A block needs those above it: the ones that have not run as they stand now run first.
  const runUpTo = async (index, from = index) => {
    if (!worker || busy) return;
    busy = true;
    try {
      for (const cell of cells.slice(0, index + 1))
        if ((cell.index >= from || !cell.fresh) && !(await cell.run())) break;
    } finally {
      busy = false;
    }
  };

  const cells = [...document.querySelectorAll(".highlight.cell")].map((block, index) => {
    const number = index + 1;
    const cell = { index, fresh: false };
    const expected = block.nextElementSibling?.matches(".expected") ? block.nextElementSibling : null;

    cell.open = () => {
      if (cell.editor) return;
      const code = block.querySelector("code").textContent.trimEnd();
      const editor = make("textarea", {
        value: code, spellcheck: false, wrap: "off", autocapitalize: "off", autocomplete: "off",
        oninput: () => { cell.fresh = false; editor.rows = editor.value.split("\n").length; },
        onkeydown: (event) => {
          if (event.key !== "Enter") return;
          if (event.shiftKey || event.ctrlKey || event.metaKey) {
            event.preventDefault();
            runUpTo(index);
            if (event.shiftKey) cells[index + 1]?.editor.focus();
          } else {
            // The next line begins where this one does, or deeper after a colon.
            const line = editor.value.slice(0, editor.selectionStart).split("\n").at(-1);
            const indent = line.match(/^ */)[0] + (line.trimEnd().endsWith(":") ? "    " : "");
            if (indent && document.execCommand("insertText", false, `\n${indent}`)) event.preventDefault();
          }
        },
      });
      editor.rows = code.split("\n").length;
      editor.setAttribute("aria-label", `Python, block ${number}`);
      cell.editor = editor;
      cell.button = button("Run", () => runUpTo(index));
      cell.button.setAttribute("aria-label", `Run block ${number}`);
      cell.note = make("span");
      cell.note.setAttribute("role", "status");
      cell.output = make("pre", { tabIndex: 0, hidden: true });
      cell.output.setAttribute("aria-label", `Output of block ${number}`);
      cell.output.setAttribute("role", "region");
      cell.pictures = make("div");
      block.hidden = true;
      block.after(
        make("div", { className: "cell-open" }, editor, make("div", { className: "cell-bar" }, cell.button, cell.note), cell.output, cell.pictures),
      );
    };

    // Whether it ran to its end.
    cell.run = async () => {
      cell.note.textContent = "running …";
      let answer;
      try {
        answer = await ask({ number, code: cell.editor.value });
      } catch (error) {
        cell.note.textContent = "stopped";
        stop(`Python has stopped: ${error.message}`);
        return false;
      }
      const lines = (answer.error || "").trim().split("\n");
      cell.fresh = !answer.error;
      cell.note.textContent = answer.error ? lines.findLast((line) => /^\S/.test(line)) : `ran in ${seconds(answer.seconds)}`;
      cell.output.replaceChildren(make("code", { textContent: answer.printed + (answer.error || "") }));
      cell.output.hidden = !(answer.printed || answer.error);
      cell.output.classList.toggle("failed", Boolean(answer.error));
      cell.pictures.replaceChildren(
        ...answer.pictures.map(({ name, svg }) =>
          make("img", { alt: `${name}, drawn by block ${number}`, src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` }),
        ),
      );
      if (expected) expected.hidden = true;
      return cell.fresh;
    };
    return cell;
  });

  bar.hidden = false;
  if (location.protocol === "file:")
    bar.append("This page was opened from a file, where a browser starts no worker. Serve the site: python -m http.server --directory build/site");
  else {
    bar.append(startButton, allButton, stopButton, said);
    said.textContent = `Nothing has been fetched yet. Starting fetches about 18 MB from ${place()}, once; what you type stays on this computer.`;
    show(false);
  }
}
