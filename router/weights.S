/* The scorer's table, linked in as it is: struct router_scorer of router/score.h. */
    .section .rodata
    .balign 64
    .globl router_weights
    .type router_weights, %object
router_weights:
    .incbin ROUTER_WEIGHTS
    .size router_weights, . - router_weights
    .section .note.GNU-stack, "", %progbits
