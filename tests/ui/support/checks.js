/* What every page must be: readable on a phone, and labelled. */
import assert from 'node:assert/strict';

/* Runs in the browser: what of the page a screen reader could not name, and headings that are missing. */
function unlabelled() {
  const nameOf = (node) => {
    const by = node.getAttribute('aria-labelledby');
    if (by) return by.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim();
    return (node.getAttribute('aria-label') ?? (node.labels?.length ? [...node.labels].map((label) => label.textContent).join(' ') : '') ?? '').trim()
      || node.textContent.trim() || node.getAttribute('title') || '';
  };
  const seen = (node) => node.getClientRects().length > 0;
  const wrong = [];
  for (const node of document.querySelectorAll('a[href], button, input, select, textarea, summary, [role=img], [role=button], dialog, nav, svg[role]')) {
    const name = ['INPUT', 'SELECT', 'TEXTAREA'].includes(node.tagName) ? nameOf({ getAttribute: (what) => node.getAttribute(what), labels: node.labels, textContent: '' }) : nameOf(node);
    if (seen(node) && !name) wrong.push(node.outerHTML.slice(0, 120));
  }
  if (document.querySelectorAll('h1').length !== 1) wrong.push(`${document.querySelectorAll('h1').length} h1`);
  if (!document.querySelector('main')) wrong.push('no main');
  if (!document.documentElement.lang) wrong.push('no language');
  for (const table of document.querySelectorAll('table')) if (!table.querySelector('th[scope]')) wrong.push('a table without scoped headings');
  const ids = [...document.querySelectorAll('[id]')].map((node) => node.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push(`id ${id} twice`);
  return wrong;
}

/* The contrast of all text that is seen, after WCAG: pairs under 4.5 (3 for large text). */
function faint() {
  const parse = (color) => {
    const numbers = color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    if (color.startsWith('color(srgb')) return [...numbers.slice(0, 3).map((value) => value * 255), numbers[3] ?? 1];
    return [numbers[0], numbers[1], numbers[2], numbers[3] ?? 1];
  };
  const luminance = ([r, g, b]) => [r, g, b].map((value) => value / 255).map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.backgroundImage !== 'none') return null; /* a pattern: looked at by eye */
      const color = parse(style.backgroundColor);
      if (color[3] > 0.99) return color;
    }
    return [255, 255, 255, 1];
  };
  const wrong = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.textContent.trim() || !node.getClientRects().length || node.closest(':disabled, svg, .hidden, .skip, noscript, script')) continue;
    const style = getComputedStyle(node);
    const back = behind(node);
    if (!back || style.opacity < 1) continue;
    const [light, dark] = [luminance(parse(style.color)), luminance(back)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < (parseFloat(style.fontSize) >= 18 ? 3 : 4.5)) wrong.add(`${ratio.toFixed(2)} ${style.color} ${node.className} “${text.textContent.trim().slice(0, 30)}”`);
  }
  return [...wrong];
}

export async function checkPage(page) {
  assert.deepEqual(page.wrong, [], 'what went wrong on the page');
  assert.deepEqual(await page.evaluate(unlabelled), [], 'what is not labelled');
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    assert.deepEqual(await page.evaluate(faint), [], `too faint in ${scheme}`);
  }
  const size = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 800 });
  const [wide, body] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= body, `${page.url()}: ${wide} px wide on a phone`);
  await page.setViewportSize(size);
}
