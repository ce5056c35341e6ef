// node build.mjs WIT OUT: policy.js and a JavaScript engine, as one component. WIT is the folder of Jettison's WIT.
// `cargo xtask javascript` does all of it.
import { componentize } from "@bytecodealliance/componentize-js";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [wit, out] = process.argv.slice(2);
const world = await mkdtemp(join(tmpdir(), "convert-"));
try {
  await cp(join(here, "world.wit"), join(world, "world.wit"));
  await cp(wit, join(world, "deps", "jettison"), { recursive: true, filter: (path) => basename(path) !== "released" });
  const { component } = await componentize({
    sourcePath: join(here, "policy.js"),
    witPath: world,
    worldName: "convert",
    // A policy has none of what these would import from WASI.
    disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],
  });
  await writeFile(out, component);
} finally {
  await rm(world, { recursive: true });
}
