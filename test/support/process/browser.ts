/**
 * A real browser without a window: Debian's chromium-headless-shell, driven by Bun.WebView. Where it is missing, tests are skipped;
 * with CI set that is an error.
 */
const { CI } = process.env;
const path = ["chromium-headless-shell", "chromium", "google-chrome"]
  .map((name) => Bun.which(name))
  .find((found) => found !== null);
if (CI && path === undefined) {
  throw new Error("CI runs the tests with a browser (Debian: chromium-headless-shell)");
}

export const noBrowser = path === undefined;
/** For the names of tests. */
export const becauseOfBrowser = noBrowser ? " (skipped: chromium-headless-shell is not installed)" : "";

/** Time between two looks at the page, which has no event for what a test waits for. */
const LOOK_EVERY_MS = 50;

/** A node of the tree that assistive technology reads. */
export interface AccessibleNode {
  readonly role: string;
  readonly name: string;
}

interface TreeNode {
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
}

export class BrowserPage {
  readonly #view: Bun.WebView;
  /** The addresses of all requests. */
  readonly requests: string[] = [];
  /** What the console shows: errors and warnings of scripts, of the network, and of the Content-Security-Policy. */
  readonly complaints: string[] = [];
  /** The bytes of all answers. */
  receivedBytes = 0;

  private constructor(view: Bun.WebView) {
    this.#view = view;
  }

  static async open(url: string, width = 1100, height = 900): Promise<BrowserPage> {
    const view = new Bun.WebView({
      width,
      height,
      // Root has no sandbox; only the daemon's own page is loaded.
      backend: { type: "chrome", url: false, path: path ?? "", argv: ["--no-sandbox"] },
    });
    const page = new BrowserPage(view);
    await view.navigate("about:blank");
    for (const domain of ["Log", "Runtime", "Network", "Accessibility"]) await view.cdp(`${domain}.enable`);
    view.addEventListener<{ request: { url: string } }>("Network.requestWillBeSent", ({ data }) => {
      page.requests.push(data.request.url);
    });
    view.addEventListener<{ dataLength: number }>("Network.dataReceived", ({ data }) => {
      page.receivedBytes += data.dataLength;
    });
    for (const event of ["Log.entryAdded", "Runtime.exceptionThrown"] as const) {
      view.addEventListener<unknown>(event, ({ data }) => page.complaints.push(JSON.stringify(data)));
    }
    view.addEventListener<{ type: string }>("Runtime.consoleAPICalled", ({ data }) => {
      page.complaints.push(JSON.stringify(data));
    });
    await view.navigate(url);
    return page;
  }

  /** Resolves to the value of a JavaScript expression in the page. */
  evaluate<T>(expression: string): Promise<T> {
    return this.#view.evaluate<T>(expression);
  }

  /** Resolves to the text of the first element of a CSS selector; empty if there is none. */
  text(selector: string): Promise<string> {
    return this.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ""`);
  }

  /** Waits until the expression is true. */
  async until(expression: string): Promise<void> {
    while (!(await this.evaluate<boolean>(`Boolean(${expression})`))) await Bun.sleep(LOOK_EVERY_MS);
  }

  /** Waits until the text of the first element of a selector contains this. */
  untilText(selector: string, text: string): Promise<void> {
    return this.until(
      `document.querySelector(${JSON.stringify(selector)})?.textContent.includes(${JSON.stringify(text)})`,
    );
  }

  press(key: string): Promise<void> {
    return this.#view.press(key);
  }

  type(text: string): Promise<void> {
    return this.#view.type(text);
  }

  click(selector: string): Promise<void> {
    return this.#view.click(selector);
  }

  resize(width: number, height: number): Promise<void> {
    return this.#view.resize(width, height);
  }

  /** Lets the page see the system's colours. */
  async prefersColours(value: "dark" | "light"): Promise<void> {
    const features = [{ name: "prefers-color-scheme", value }];
    await this.#view.cdp("Emulation.setEmulatedMedia", { features });
  }

  async screenshot(): Promise<Uint8Array> {
    return (await this.#view.screenshot()).bytes();
  }

  /** Resolves to what assistive technology reads. */
  async accessibleNodes(): Promise<AccessibleNode[]> {
    const { nodes } = await this.#view.cdp<{ nodes: TreeNode[] }>("Accessibility.getFullAXTree");
    return nodes
      .filter(({ ignored }) => !ignored)
      .map(({ role, name }) => ({ role: role?.value ?? "", name: name?.value ?? "" }));
  }

  [Symbol.dispose](): void {
    this.#view.close();
  }
}
