/** A running `zf` in a folder of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Longest time from start to readiness, and from SIGTERM to the end. */
const PATIENCE_MS = 60_000;

export interface Service {
  /** Address without a slash at the end. */
  readonly url: string;
  readonly folder: string;
  /** What it has printed so far. */
  said(): string;
  /** Asks it to stop, waits for that, and removes the folder. */
  end(): Promise<void>;
}

/** The `zf` under test: `ZF_BIN`, or what `cargo build` makes. */
export function binary(): string {
  const path = resolve(process.env.ZF_BIN ?? join(import.meta.dirname, "../../target/debug/zf"));
  if (!existsSync(path)) throw new Error(`there is no ${path}; run \`cargo build\`, or name a built \`zf\` in ZF_BIN`);
  return path;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts `zf` with `args` in a temporary folder with `files`; waits until it is ready. It should listen on port 0. */
export async function startService(args: string[], files: Record<string, string> = {}): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), "zf-e2e-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const kept = Object.entries(process.env).filter(([name]) => !/^(ZF_|AWS_|S3_|RUST_LOG$)/.test(name));
  const child = spawn(binary(), args, {
    cwd: folder,
    env: { ...Object.fromEntries(kept), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let text = "";
  let ended: string | undefined;
  child.on("error", (error) => (ended = error.message));
  child.on("exit", (code, signal) => {
    running.delete(child);
    ended ??= `it ended with ${signal ?? code ?? "an error"}`;
  });
  const url = await new Promise<string>((found, failed) => {
    const timer = setTimeout(() => failed(new Error(`zf printed no address\n${text}`)), PATIENCE_MS);
    const more = (part: Buffer): void => {
      text += part.toString();
      const address = /http:\/\/[\d.]+:\d+(?=\D)/.exec(text)?.[0];
      if (address === undefined) return;
      clearTimeout(timer);
      found(address);
    };
    child.stdout.on("data", more);
    child.stderr.on("data", more);
    child.on("close", () => {
      clearTimeout(timer);
      failed(new Error(`zf printed no address: ${ended ?? ""}\n${text}`));
    });
  });
  const end = async (): Promise<void> => {
    if (running.has(child)) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
      await gone;
      clearTimeout(timer);
    }
    await rm(folder, { recursive: true, force: true });
  };
  const begin = Date.now();
  while (!(await answers(`${url}/health/ready`))) {
    if (ended !== undefined || Date.now() - begin > PATIENCE_MS) {
      await end();
      throw new Error(`zf was not ready: ${ended ?? "it took too long"}\n${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { url, folder, said: () => text, end };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
