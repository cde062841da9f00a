/** The registry: models, their versions and aliases, what was done to them, and what can be done. */
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, api } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

/** A version in one row; its figures stand beside these as `accuracy` and `task/accuracy`, its tags as `tag.KEY`. */
export type VersionRow = Schemas['VersionRow'];
export type VersionList = Schemas['VersionList'];
export type RegisteredModel = Schemas['RegisteredModel'];
export type VersionPage = Schemas['VersionPage'];
export type RegistryChange = Schemas['RegistryChange'];
export type Comparison = Schemas['VersionComparison'];
export type Promoted = Schemas['Promoted'];
type Removed = Schemas['VersionRemoved'];
type Patch = { description?: string; tags?: Record<string, string | null> };

/** The newest version of each model, or with `versions` all of them, that a filter takes. */
export function useModels(query: { filter?: string; versions?: boolean }) {
  return useQuery({
    queryKey: ['registry', 'models', query],
    queryFn: ({ signal }) =>
      answer<VersionList>(
        api.GET('/api/v1/registry/models', { params: { query: { ...query, limit: 10_000 } }, signal }),
      ),
    placeholderData: keepPreviousData,
  });
}

export function useModel(name: string) {
  return useQuery({
    queryKey: ['registry', 'model', name],
    queryFn: ({ signal }) =>
      answer<RegisteredModel>(
        api.GET('/api/v1/registry/models/{name}', { params: { path: { name } }, signal }),
      ),
  });
}

/** What was done to a model, the latest first. */
export function useHistory(name: string) {
  return useQuery({
    queryKey: ['registry', 'history', name],
    queryFn: ({ signal }) =>
      answer<Schemas['ModelHistory']>(
        api.GET('/api/v1/registry/models/{name}/history', { params: { path: { name } }, signal }),
      ),
  });
}

export function useVersion(name: string, number: number) {
  return useQuery({
    queryKey: ['registry', 'version', name, number],
    queryFn: ({ signal }) =>
      answer<VersionPage>(
        api.GET('/api/v1/registry/models/{name}/versions/{number}', {
          params: { path: { name, number } },
          signal,
        }),
      ),
  });
}

/** What differs between two versions of a model. */
export function useComparison(name: string, first: number, second: number) {
  return useQuery({
    queryKey: ['registry', 'compare', name, first, second],
    queryFn: ({ signal }) =>
      answer<Comparison>(
        api.GET('/api/v1/registry/models/{name}/compare', {
          params: { path: { name }, query: { first, second } },
          signal,
        }),
      ),
  });
}

/** A new version of the model of a run, under a name, with an alias where one is given: its number. */
export function useAdding() {
  const cache = useQueryClient();
  return async (name: string, run: string, description: string, alias: string): Promise<number> => {
    const params = { path: { name } };
    const body = { run, folder: '', description: description || null, alias: alias || null };
    const added = await answer<VersionPage>(
      api.POST('/api/v1/registry/models/{name}/versions', { params, body }),
    );
    await cache.invalidateQueries({ queryKey: ['registry'] });
    return added.row.version;
  };
}

/** What can be done to a model and its versions; whatever it is, the registry is asked for anew. */
export function useChanges(name: string) {
  const cache = useQueryClient();
  const done = async <T>(call: Promise<T>): Promise<T> => {
    const found = await call;
    await cache.invalidateQueries({ queryKey: ['registry'] });
    return found;
  };
  const at = (number: number) => ({ params: { path: { name, number } } });
  const alias = (word: string) => ({ params: { path: { name, alias: word } } });
  const route = '/api/v1/registry/models/{name}';
  return {
    /** The description and tags of the model, or of a version; a tag of null is taken away. */
    patch: (body: Patch, number?: number) =>
      done(
        number === undefined
          ? answer(api.PATCH(route, { params: { path: { name } }, body: { tags: {}, ...body } }))
          : answer(api.PATCH(`${route}/versions/{number}`, { ...at(number), body: { tags: {}, ...body } })),
      ),
    /** Refused where the alias has a policy: such a one is promoted to. */
    setAlias: (word: string, version: number) =>
      done(
        answer(
          api.PUT(`${route}/aliases/{alias}`, { ...alias(word), body: { version, past_policy: false } }),
        ),
      ),
    /** The alias means again what it meant, whatever its policy. */
    restoreAlias: (word: string, version: number) =>
      done(
        answer(api.PUT(`${route}/aliases/{alias}`, { ...alias(word), body: { version, past_policy: true } })),
      ),
    /** What every promotion to an alias requires; null for nothing of itself. */
    setPolicy: (word: string, require: string | null) =>
      done(answer(api.PUT(`${route}/policies/{alias}`, { ...alias(word), body: { require } }))),
    removeAlias: (word: string) => done(answer(api.DELETE(`${route}/aliases/{alias}`, alias(word)))),
    promote: (body: Schemas['Promotion']) =>
      done(answer<Promoted>(api.POST(`${route}/promotions`, { params: { path: { name } }, body }))),
    /** What is wrong with the files of a version, read one by one. */
    verify: async (number: number) =>
      (await answer<Schemas['Verified']>(api.POST(`${route}/versions/{number}/verify`, at(number)))).damage,
    remove: async (number: number, force: boolean) => {
      const found = await answer<Removed>(
        api.DELETE(`${route}/versions/{number}`, {
          params: { path: { name, number }, query: { force } },
        }),
      );
      cache.removeQueries({ queryKey: ['registry', 'version', name, number] });
      return done(Promise.resolve(found));
    },
  };
}
