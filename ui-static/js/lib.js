/* The view library, as the rest of the UI uses it: htm's tagged templates make Preact elements, so there is no build step.
 * What stands in a template's holes becomes text nodes and attributes, never markup; nothing here or elsewhere does otherwise (tests/ui/unit/modules.test.js). */
import { h, render, Fragment, createContext } from '../vendor/preact.js';
import { useState, useEffect, useRef, useMemo, useCallback, useContext, useErrorBoundary, useId } from '../vendor/hooks.js';
import htm from '../vendor/htm.js';

export const html = htm.bind(h);
export {
  h, render, Fragment, createContext, useState, useEffect, useRef, useMemo, useCallback, useContext, useErrorBoundary, useId,
};

/* Class names from strings and conditions. */
export const cx = (...names) => names.filter(Boolean).join(' ');
