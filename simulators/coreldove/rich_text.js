/**
 * Descriptions are EditorJS documents in Saleor, JSON inside a string; everywhere else they are text. One paragraph
 * is one line.
 */

/** @param {string} text */
export function richTextOf(text) {
  const blocks = text.split('\n').map((line) => ({ type: 'paragraph', data: { text: line } }));
  return JSON.stringify({ blocks });
}

/** @param {string} richText  any JSON; what is no EditorJS document is shown as it is */
export function textOf(richText) {
  const { blocks } = JSON.parse(richText) ?? {};
  return Array.isArray(blocks) ? blocks.map((block) => block.data?.text ?? '').join('\n') : richText;
}
