/* What the browser tests do with a page, in few words. page(): the page, for it is opened after these are made. */
export function hands(page) {
  const see = (what, options) => (typeof what === 'string' || what instanceof RegExp ? page().getByText(what, options) : what).first().waitFor();
  const gone = (locator) => locator.first().waitFor({ state: 'detached' });
  const button = (name) => page().getByRole('button', { name, exact: true }).first();
  const dialog = () => page().getByRole('dialog');
  const row = (build) => page().locator(`tr[data-build="${build}"]`);
  /* An action of a version's menu, and of the menu of the page. */
  const choose = async (build, what) => {
    await row(build).locator('summary').click();
    await row(build).getByRole('button', { name: what, exact: true }).click();
    await dialog().waitFor();
  };
  const more = async (name) => {
    await page().locator('.page-head summary').click();
    await button(name).click();
    await dialog().waitFor();
  };
  /* The dialog's deed, done without complaint. */
  const agree = async (name) => {
    await dialog().getByRole('button', { name, exact: true }).click();
    await gone(dialog());
  };
  return { see, gone, button, dialog, row, choose, more, agree };
}
