/* Certificates for tests: {cert, key} are paths in the folder. It trusts itself, for 127.0.0.1. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export function makeCertificate(folder, name = 'server', days = 90) {
  const cert = join(folder, `${name}.pem`);
  const key = join(folder, `${name}.key`);
  execFileSync(
    'openssl',
    [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(days),
      '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert,
    ],
    { stdio: 'ignore' },
  );
  return { cert, key };
}
