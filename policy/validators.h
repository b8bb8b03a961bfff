/*
 * Checks of well-known numbers: pure functions on digits or compact text. Private to policy/.
 *
 * "compact" = without separators, letters in upper case. Lengths are checked by each function.
 * Sources: ISO/IEC 7812 (Luhn), ISO 13616 (IBAN registry), SSA (SSN), and for national numbers the
 * check digit rules that their issuers publish.
 */
#ifndef POLICY_VALIDATORS_H
#define POLICY_VALIDATORS_H

#include "base/core/slice.h"

bool valid_luhn(struct slice digits);
/* Luhn, and a number range and length of a card scheme. */
bool valid_card(struct slice digits);
/* Country, its length, and mod 97. `*ret_len` is that length: compact may be longer. */
bool valid_iban(struct slice compact, size_t *ret_len);
size_t iban_length(struct slice compact); /* of its country; 0 = no such country */
bool valid_ssn(struct slice digits);      /* area, group and serial that can be issued */
bool valid_itin(struct slice digits);     /* 9xx with a group in use */
bool valid_aba(struct slice digits);
bool valid_verhoeff(struct slice digits); /* Aadhaar: 12 digits, first 2..9 */
bool valid_cpf(struct slice digits);
bool valid_nhs(struct slice digits);
bool valid_nir(struct slice digits);  /* French: 15 digits */
bool valid_dni(struct slice compact); /* Spanish DNI and NIE */
bool valid_pesel(struct slice digits);
bool valid_za_id(struct slice digits);
bool valid_kr_rrn(
    struct slice digits); /* date and century digit only: newer numbers have no check digit */
bool valid_kr_brn(struct slice digits);
bool valid_nric(struct slice compact);
bool valid_it_fiscal(struct slice compact);
bool valid_it_vat(struct slice digits);
bool valid_au_abn(struct slice digits);
bool valid_au_acn(struct slice digits);
bool valid_au_tfn(struct slice digits);
bool valid_au_medicare(struct slice digits);
bool valid_de_tax_id(struct slice digits);
bool valid_de_social(struct slice compact);
bool valid_de_kvnr(struct slice compact); /* German health insurance: letter and 9 digits */
bool valid_de_passport(
    struct slice compact);            /* 9 characters and a check digit in place ten or none */
bool valid_dea(struct slice compact); /* US prescriber */
bool valid_npi(struct slice digits);
bool valid_mbi(struct slice compact);
bool valid_nino(struct slice compact);
bool valid_uk_licence(struct slice compact);
bool valid_fi_hetu(struct slice compact); /* with its century sign */
bool valid_sg_uen(struct slice compact);
bool valid_tckn(struct slice digits);         /* Turkey, 11 digits */
bool valid_thai_id(struct slice digits);      /* 13 digits */
bool valid_personnummer(struct slice digits); /* Sweden, 10 or 12 digits */
bool valid_se_org(struct slice digits);       /* Swedish organisation, 10 digits */
bool valid_ahv(struct slice digits);          /* Switzerland: 756 and an EAN-13 */
bool valid_be_national(struct slice digits);  /* Belgium, 11 digits, mod 97 */
bool valid_bsn(struct slice digits);          /* Netherlands, 9 digits */
bool valid_cn_id(struct slice compact);       /* China, 18 characters */
bool valid_cnpj(struct slice digits);         /* Brazilian companies, 14 digits */
bool valid_imei(struct slice digits);
bool valid_in_pan(struct slice compact);
bool valid_gstin(struct slice compact);
bool valid_de_vat(struct slice compact);
bool valid_vin(struct slice compact); /* 17 characters with the North American check digit */
bool valid_mx_curp(struct slice compact);
bool valid_date(int year, int month, int day);

#endif
