/* Locales: the system's, or one that is made from its sources. In Turkish the small letter of I is another
 * one than i, and the decimal point is a comma. WEBHOOK_TEST_LOCALE=tr_TR.UTF-8 makes a whole program of tests
 * speak it. */
#ifndef WEBHOOK_TESTS_TONGUE_H
#define WEBHOOK_TESTS_TONGUE_H

/* The program speaks it from now on, "C" for none. Aborts where it cannot be made. */
void tongue_speak(const char *name);

#endif
