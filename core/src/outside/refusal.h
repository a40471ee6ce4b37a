/* Why the file of a store cannot be opened: what a database says of it is that it cannot. The file
 * system knows more, of the file and of its directory. */
#ifndef WHI_REFUSAL_H
#define WHI_REFUSAL_H

/* WH_ESTORE with the sentence. number: errno of the attempt. */
int whi_refusal(const char *name, int number);

#endif
