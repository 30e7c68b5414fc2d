import { applyDecorators } from '@nestjs/common';
import { IsString, MaxLength, registerDecorator } from 'class-validator';
import { parseHostPort } from '../../common/addresses.js';

/** `host:port` with a host name or an IP address. Whether the address is allowed is another question. */
export const IsBackendAddress = () =>
  applyDecorators(IsString(), MaxLength(255), (target: object, propertyName: string | symbol) =>
    registerDecorator({
      name: 'isBackendAddress',
      target: target.constructor,
      propertyName: propertyName as string,
      options: { message: '$property must be host:port, such as 192.0.2.1:8080 or [2001:db8::1]:8080' },
      validator: { validate: (value: unknown) => typeof value === 'string' && parseHostPort(value) !== null },
    }),
  );
