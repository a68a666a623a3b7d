/** `import text from "./x.md" with { type: "text" }`; the compiled executable holds the text, too. */
declare module "*.md" {
  const text: string;
  export default text;
}
