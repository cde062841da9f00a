/** People: who there is, in which role, and the address by which somebody new chooses a password. */
import { useState } from 'react';
import { Button } from '~/shared/controls/Button';
import { CopyButton } from '~/shared/controls/Copy';
import { Confirm, Dialog } from '~/shared/controls/Dialog';
import { Menu, MenuItem } from '~/shared/controls/Menu';
import { tellFailure } from '~/shared/controls/Toasts';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import { PersonForm } from './PersonForm';
import { type Person, useChanges, usePeople } from './queries';
import css from './settings.module.css';
import { words } from './strings';

interface Invitation {
  name: string;
  word: string;
}

export function People() {
  const said = useStrings(words);
  const found = usePeople();
  const { invite, removePerson } = useChanges();
  const [form, setForm] = useState<Person | 'new' | null>(null);
  const [leaving, setLeaving] = useState<Person | null>(null);
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  const inviteAgain = (name: string) =>
    invite(name).then(({ invitation: word }) => setInvitation({ name, word }), tellFailure);
  return (
    <section>
      <div className={css.line}>
        <h2>{said.people}</h2>
        <Button icon="add" onClick={() => setForm('new')}>
          {said.add}
        </Button>
      </div>
      <p>{said.peopleAbout}</p>
      {found.isPending && <Loading rows={3} />}
      {found.isError && <Failure error={found.error} onRetry={() => void found.refetch()} />}
      <PlainTable label={said.people}>
        <thead>
          <tr>
            <th>{said.name}</th>
            <th>{said.roles}</th>
            <th>{said.status}</th>
            <th>{said.made}</th>
            <th aria-label={said.change} />
          </tr>
        </thead>
        <tbody>
          {(found.data?.users ?? []).map((person) => (
            <tr key={person.name}>
              <td>{person.name}</td>
              <td>
                <Roles person={person} />
              </td>
              <td>{person.is_active ? said.active : said.invited}</td>
              <td>
                <Time time={person.made} />
              </td>
              <td>
                <Menu label={person.name} icon="more">
                  <MenuItem onSelect={() => setForm(person)}>{said.change}</MenuItem>
                  <MenuItem onSelect={() => void inviteAgain(person.name)}>{said.invite}</MenuItem>
                  <MenuItem onSelect={() => setLeaving(person)}>{said.remove}</MenuItem>
                </Menu>
              </td>
            </tr>
          ))}
        </tbody>
      </PlainTable>
      {form && (
        <PersonForm
          person={form === 'new' ? null : form}
          onClose={() => setForm(null)}
          onInvited={(name, word) => setInvitation({ name, word })}
        />
      )}
      {invitation && <Invited invitation={invitation} onClose={() => setInvitation(null)} />}
      <Confirm
        title={said.removePerson(leaving?.name ?? '')}
        about={said.removePersonAbout}
        does={said.remove}
        danger
        open={leaving !== null}
        onClose={() => setLeaving(null)}
        onYes={() => leaving && removePerson(leaving.name).catch(tellFailure)}
      />
    </section>
  );
}

function Roles({ person }: { person: Person }) {
  const said = useStrings(words);
  return (
    <span className={css.chips}>
      {Object.entries(person.roles).map(([project, role]) => (
        <span key={project} className={css.chip}>
          {said[role]} · {project === '*' ? said.everywhere : project}
        </span>
      ))}
    </span>
  );
}

function Invited({ invitation, onClose }: { invitation: Invitation; onClose: () => void }) {
  const said = useStrings(words);
  const address = `${location.origin}/invitation?word=${encodeURIComponent(invitation.word)}`;
  return (
    <Dialog title={said.invitation} about={said.invitationAbout(invitation.name)} open onClose={onClose}>
      <p className={css.secret}>
        <code>{address}</code>
        <CopyButton text={address} />
      </p>
    </Dialog>
  );
}
