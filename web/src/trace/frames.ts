// The frames of a stack trace, and which of them are the user's own code.

export interface Frame {
  file: string;
  line: number;
  name: string;
  code: string;
}

const PYTHON = /^\s*File "(.+)", line (\d+)(?:, in (.+))?$/;
const NODE = /^\s*at (?:(.+?) \()?(?:file:\/\/)?(.+?):(\d+):\d+\)?$/;
const FOREIGN =
  /[\\/](?:site-packages|dist-packages|node_modules)[\\/]|[\\/]lib[\\/](?:python\d|asyncio|concurrent)|[\\/](?:Python\d*|Python\.framework)[\\/].*[\\/]lib[\\/]|^<|^node:/i;

/** Frames outside of libraries, the one nearest to the error first. */
export function ownFrames(stack: string): Frame[] {
  const lines = stack.split("\n");
  const found: Frame[] = [];
  let isPython = false;
  lines.forEach((text, index) => {
    const python = PYTHON.exec(text);
    const node = python ? null : NODE.exec(text);
    if (python) {
      isPython = true;
      const code = lines[index + 1]?.trim() ?? "";
      const isCode = code !== "" && !PYTHON.test(lines[index + 1] ?? "");
      found.push({ file: python[1] ?? "", line: Number(python[2]), name: python[3] ?? "", code: isCode ? code : "" });
    } else if (node) found.push({ file: node[2] ?? "", line: Number(node[3]), name: node[1] ?? "", code: "" });
  });
  const own = found.filter((frame) => !FOREIGN.test(frame.file));
  return isPython ? own.reverse() : own;
}

/** The last two parts of a path. */
export const shortPath = (file: string) => file.split(/[\\/]/).slice(-2).join("/");
