/** Settings: who one is here, keys for programs, and for admins the people and what they did. */
import { may, useSession, useSigning } from '~/shared/api/session';
import { Command } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { Audit } from './Audit';
import { Keys } from './Keys';
import { People } from './People';
import css from './settings.module.css';
import { words } from './strings';

export default function Settings() {
  const said = useStrings(words);
  const session = useSession();
  const { signOut } = useSigning();
  if (session.isPending) return <Loading />;
  if (session.isError) return <Failure error={session.error} onRetry={() => void session.refetch()} />;
  if (!session.data.is_team) {
    return (
      <Empty title={said.own} command="whet ui --team">
        {said.ownAbout}
      </Empty>
    );
  }
  const isAdmin = may(session.data, 'admin');
  return (
    <div className={css.page}>
      <header>
        <h1>{said.title}</h1>
        <p>{said.about}</p>
      </header>
      <section>
        <div className={css.line}>
          <h2>{said.signedIn(session.data.person ?? '')}</h2>
          <span className={css.chips}>
            {Object.entries(session.data.roles).map(([project, role]) => (
              <span key={project} className={css.chip}>
                {said[role]} · {project === '*' ? said.everywhere : project}
              </span>
            ))}
          </span>
          <Button onClick={() => void signOut()}>{said.signOut}</Button>
        </div>
      </section>
      <Keys isAdmin={isAdmin} />
      {isAdmin && <People />}
      {isAdmin && <Audit />}
      <Command line="whet team list" />
    </div>
  );
}
