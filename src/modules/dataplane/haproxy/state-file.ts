import type { Rendered, Server } from './model.js';

/**
 * The file from which a new worker learns which servers are down (`show servers state`, format 1; management guide
 * §9.3). Only those are in it: a server without a line starts as its configuration says.
 */
export function stateFile(rendered: Rendered, isDown: (backendId: string) => boolean): string {
  const lines: string[] = [];
  for (const { sections } of rendered.tenants.values()) {
    for (const { name, servers } of sections.values()) {
      for (const server of servers.values()) {
        if (server.checked && !server.maintenance && isDown(server.name)) lines.push(downLine(name, server));
      }
    }
  }
  return `1\n# ${FIELDS}\n${lines.map((line) => `${line}\n`).join('')}`;
}

const FIELDS =
  'be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port';

/** Stopped; last check failed (result 2, by a connection problem: status 8); checks configured and on (state 6). */
function downLine(section: string, { name, address, port, weight, settings }: Server): string {
  const id = /\bid (\d+)/.exec(settings)?.[1] ?? '0';
  return `0 ${section} ${id} ${name} ${address} 0 0 ${weight} ${weight} 0 8 2 0 6 0 0 1 - ${port} - 0 0 - - 0`;
}
