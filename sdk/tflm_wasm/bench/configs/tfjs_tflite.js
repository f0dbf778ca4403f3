// XNNPACK as WebAssembly, in V8: an engine for `tflm-wasm bench`, which docs/how-to/benchmark.md
// describes. It needs the package @tensorflow/tfjs-tflite in the folder where it runs, and uses the
// part that its own client is made of, so that tensors are written and read in place.
"use strict";

const fs = require("fs");
const path = require("path");

const PACKAGE = "@tensorflow/tfjs-tflite/package.json";
const NAME = "tflite_web_api_cc_simd";
const OPTIONS = { numThreads: 1, enableProfiling: false, maxProfilingBufferEntries: 1024 };

class NotOffered extends Error {}

let runtime = null;
let model = null;
let frames = [];

async function load() {
  const root = path.dirname(require.resolve(PACKAGE, { paths: [process.cwd()] }));
  const file = path.join(root, "wasm", NAME);
  const silent = { print() {}, printErr() {} };
  const wasmBinary = fs.readFileSync(`${file}.wasm`);
  return require(`${file}.js`)({ wasmBinary, ...silent });
}

function tensors(vector) {
  return Array.from({ length: vector.size() }, (_, i) => {
    const view = vector.get(i).data();
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  });
}

function open(file) {
  const content = fs.readFileSync(file);
  const address = runtime._malloc(content.length);
  runtime.HEAPU8.set(content, address);
  const result = runtime.TFLiteWebModelRunner.CreateFromBufferAndOptions(
    address, content.length, OPTIONS);
  if (!result.ok()) throw new Error(result.errorMessage());
  const runner = result.value();
  return { runner, inputs: tensors(runner.GetInputs()), outputs: tensors(runner.GetOutputs()) };
}

function write(frame) {
  frame.forEach((bytes, i) => model.inputs[i].set(bytes));
}

function invoke() {
  if (!model.runner.Infer()) throw new Error("the model did not run");
}

function run(frame) {
  write(frame);
  invoke();
  return model.outputs.map((bytes) => bytes.slice());
}

// In ns; a process of one thread at work has all of its processor time.
const CLOCKS = {
  wall: () => Number(process.hrtime.bigint()),
  cpu() {
    const { user, system } = process.cpuUsage();
    return 1000 * (user + system);
  },
};

// Call `timed` with each of `count` frames, after `before`; return the times.
function times(header, before, timed) {
  const found = [];
  const clock = CLOCKS[header.clock || "wall"];
  for (let i = 0; i < header.count; i++) {
    const frame = frames[i % frames.length];
    before(frame);
    const start = clock();
    timed(frame);
    found.push(clock() - start);
  }
  return { nanoseconds: found };
}

const COMMANDS = {
  load: () => ({}),
  open(header) {
    model = open(header.path);
    return { memory: { "linear memory": runtime.HEAPU8.length } };
  },
  frames(header, arrays) {
    frames = [];
    while (arrays.length) frames.push(arrays.splice(0, header.inputs));
    return {};
  },
  invoke: (header) => times(header, write, invoke),
  run: (header) => times(header, () => {}, run),
  loop(header) {
    const clock = CLOCKS[header.clock || "wall"];
    const start = clock();
    for (let i = 0; i < header.count; i++) run(frames[i % frames.length]);
    return { nanoseconds: [clock() - start] };
  },
};

function answer(header, arrays) {
  try {
    const command = COMMANDS[header.command];
    if (!command) throw new NotOffered(`${header.command} is not offered`);
    return { ok: true, ...command(header, arrays) };
  } catch (error) {
    const offered = !(error instanceof NotOffered);
    return { ok: false, offered, error: String(error.message || error) };
  }
}

// Read exactly `size` bytes; null at the end of standard input.
function read(size) {
  const data = Buffer.alloc(size);
  for (let done = 0; done < size;) {
    const count = fs.readSync(0, data, done, size - done);
    if (count === 0) return null;
    done += count;
  }
  return data;
}

function reply(message) {
  const text = Buffer.from(JSON.stringify({ ...message, arrays: [] }));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  const data = Buffer.concat([size, text]);
  for (let done = 0; done < data.length;) done += fs.writeSync(1, data, done);
}

async function main() {
  runtime = await load();
  for (let size = read(4); size !== null; size = read(4)) {
    const header = JSON.parse(read(size.readUInt32LE()).toString());
    const arrays = header.arrays.map(([type, shape]) =>
      read(shape.reduce((a, b) => a * b, Number(type.slice(2)))));
    reply(answer(header, arrays));
  }
}

main().catch((error) => {
  process.stderr.write(String(error.message || error).split("\n")[0]);
  process.exit(1);
});
