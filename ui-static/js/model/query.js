/* Completion for the list filter: which words can stand at the cursor. Pure. */

export const SYSTEM_ATTRIBUTES = {
  BatcherUser: 'Keyword', BuildIds: 'KeywordList', CloseTime: 'Datetime', ExecutionDuration: 'Int', ExecutionStatus: 'Keyword',
  ExecutionTime: 'Datetime', HistoryLength: 'Int', HistorySizeBytes: 'Int', ParentRunId: 'Keyword', ParentWorkflowId: 'Keyword',
  RootRunId: 'Keyword', RootWorkflowId: 'Keyword', RunId: 'Keyword', StartTime: 'Datetime', StateTransitionCount: 'Int',
  TaskQueue: 'Keyword', TemporalChangeVersion: 'KeywordList', TemporalReportedProblems: 'KeywordList',
  TemporalScheduledById: 'Keyword', TemporalScheduledStartTime: 'Datetime', TemporalUsedWorkerDeploymentVersions: 'KeywordList',
  TemporalWorkerDeployment: 'Keyword', TemporalWorkerDeploymentVersion: 'Keyword', TemporalWorkflowVersioningBehavior: 'Keyword',
  WorkflowId: 'Keyword', WorkflowType: 'Keyword',
};

const OPERATORS = {
  Keyword: ['=', '!=', 'IN', 'NOT IN', 'STARTS_WITH', 'NOT STARTS_WITH', 'IS NULL', 'IS NOT NULL'],
  KeywordList: ['=', '!=', 'IN', 'NOT IN', 'IS NULL', 'IS NOT NULL'],
  Text: ['=', '!=', 'IS NULL', 'IS NOT NULL'],
  Bool: ['=', '!=', 'IS NULL', 'IS NOT NULL'],
};
const ORDERED = ['=', '!=', '<', '<=', '>', '>=', 'BETWEEN', 'IN', 'NOT IN', 'IS NULL', 'IS NOT NULL'];

const VALUES = {
  ExecutionStatus: ['Running', 'Completed', 'Failed', 'Canceled', 'Terminated', 'ContinuedAsNew', 'TimedOut'],
  TemporalWorkflowVersioningBehavior: ['Pinned', 'AutoUpgrade'],
  TemporalReportedProblems: ['category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut',
    'cause=WorkflowTaskFailedCauseNonDeterministicError', 'cause=WorkflowTaskFailedCauseWorkflowWorkerUnhandledFailure'],
};

/* Words, quoted texts, operators and brackets of a filter, with where they stand. */
export function tokens(text) {
  const found = [];
  const pattern = /"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|`[^`]*`?|<=|>=|!=|[=<>(),]|[^\s"'`=<>!(),]+/g;
  for (const match of text.matchAll(pattern)) found.push({ text: match[0], from: match.index, to: match.index + match[0].length });
  return found;
}

const bare = (word) => word.replace(/^[`"']|[`"']$/g, '');
const isName = (token) => token !== undefined && /^[A-Za-z_`]/.test(token.text) && !/^(AND|OR|NOT|IN|IS|NULL|BETWEEN|STARTS_WITH|GROUP|BY|ORDER)$/i.test(token.text);

/* suggest(text, cursor, attributes, known) -> {from, to, options: [{text, hint}]}: what may replace text[from…to]. attributes:
 * {name: type}; known: {name: [values]} that were seen in the list. */
export function suggest(text, cursor, attributes = SYSTEM_ATTRIBUTES, known = {}) {
  const before = tokens(text.slice(0, cursor));
  const last = before[before.length - 1];
  const typing = last !== undefined && last.to === cursor && !/^[=<>!(),]/.test(last.text);
  const word = typing ? last : { text: '', from: cursor, to: cursor };
  const past = typing ? before.slice(0, -1) : before;
  const previous = past[past.length - 1];
  const two = past[past.length - 2];
  const offer = (list) => {
    const typed = bare(word.text).toLowerCase();
    const fitting = list.filter(({ text: one }) => bare(one).toLowerCase().includes(typed) && one !== word.text);
    fitting.sort((a, b) => bare(b.text).toLowerCase().startsWith(typed) - bare(a.text).toLowerCase().startsWith(typed));
    return { from: word.from, to: word.to, options: fitting.slice(0, 12) };
  };
  const attributeOffer = () => offer(Object.keys(attributes).sort().map((name) => ({
    text: /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `\`${name}\``, hint: attributes[name] })));
  const typeOf = (token) => attributes[bare(token?.text ?? '')];
  const valueOffer = (name) => offer(
    [...new Set([...(VALUES[name] ?? []), ...(known[name] ?? [])])].map((value) => ({ text: JSON.stringify(value), hint: 'value' })));

  if (previous === undefined || /^(AND|OR|NOT)$/i.test(previous.text)) {
    if (/^NOT$/i.test(previous?.text ?? '') && isName(two)) return offer([{ text: 'IN', hint: '' }, { text: 'STARTS_WITH', hint: '' }]);
    return attributeOffer();
  }
  if (previous.text === '(' && !/^IN$/i.test(two?.text ?? '')) return attributeOffer();
  if (isName(previous) && typeOf(previous)) {
    return offer((OPERATORS[typeOf(previous)] ?? ORDERED).map((operator) => ({ text: operator, hint: 'operator' })));
  }
  if (/^([=<>]|!=|<=|>=|STARTS_WITH|BETWEEN)$/i.test(previous.text) && isName(two)) return valueOffer(bare(two.text));
  if (previous.text === '(' || previous.text === ',') {
    const opened = past.findLastIndex((token) => token.text === '(');
    const negated = /^NOT$/i.test(past[opened - 2]?.text ?? '');
    return valueOffer(bare(past[opened - (negated ? 3 : 2)]?.text ?? ''));
  }
  if (/^IS$/i.test(previous.text)) return offer([{ text: 'NULL', hint: '' }, { text: 'NOT NULL', hint: '' }]);
  return offer([{ text: 'AND', hint: '' }, { text: 'OR', hint: '' }]);
}

/* The filter narrowed to a status, or widened when it already is: for the counts above a list. Only a filter that this function
 * made is widened again; others get it in front. */
export function withStatus(query, status) {
  const clause = `ExecutionStatus = "${status}"`;
  const trimmed = query.trim();
  if (trimmed === clause) return '';
  if (trimmed.startsWith(clause + ' AND ')) return unwrap(trimmed.slice(clause.length + 5));
  const other = /^ExecutionStatus = "[A-Za-z]+"(?: AND (.*))?$/s.exec(trimmed);
  const rest = other ? unwrap(other[1] ?? '') : trimmed;
  return rest ? `${clause} AND (${rest})` : clause;
}
const unwrap = (text) => (text.startsWith('(') && text.endsWith(')') ? text.slice(1, -1) : text);
export const statusOf = (query) => /^ExecutionStatus = "([A-Za-z]+)"/.exec(query.trim())?.[1] ?? null;
